"""The column that words are looked for in is filled for all books: those from before, and those of then."""

import unicodedata
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, text

from books_service.shelf.put import fold_text, new_row, search_form
from tests.conftest import migrated_database
from tests.pair import Pair, invoke
from tests.postgres_server import PostgresServer
from tests.resilience.alone import upgrade_at_once

TITLES = ["García", "O’Reilly", "“Zoë”", "Łódź, Ørsted", "한글 각", "ไทย"]
TITLES += ["C:\\100%_", "\u1e9e Ἀθῆναι", "plain"]
COLUMNS = (
    '"owner", "name", "Author", "Publisher", "folded_name", "folded_author", "folded_publisher", "title"'
)
INSERT = (
    f"INSERT INTO books ({COLUMNS}, version, created_at, updated_at) VALUES"  # noqa: S608 - our own words
    " (:owner, :name, :Author, :Publisher, :folded_name, :folded_author, :folded_publisher, :title, 1,"
    " '2026-01-01', '2026-01-01')"
)
FOUND = "SELECT folded_name, folded_author, folded_publisher, search_text FROM books"


def row(number: int) -> dict[str, object]:
    """Return a book as a version that knows no such column stores it."""
    title = TITLES[number % len(TITLES)]
    book = {"name": f"{title} {number}", "Author": title, "Publisher": title, "book_prize": None}
    return new_row(f"owner {number % 7}", book, None)  # type: ignore[arg-type] # its times are not used


def execute(url: str, statement: str, *rows: dict[str, object]) -> list[tuple[str, ...]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        result = connection.execute(text(statement), [*rows] or None)
        return [] if rows else [tuple(found) for found in result]


def assert_filled(url: str, count: int) -> None:
    found = execute(url, FOUND)
    assert len(found) == count
    for *folded, search_text in found:
        assert search_text == search_form("\n".join(folded))


def test_books_from_before_are_found(databases: dict[str, str], tmp_path: Path) -> None:
    url, environment = databases["books"], Pair(tmp_path, databases=databases).environment
    invoke("books", "db", "upgrade", "0005", environment=environment)
    execute(url, INSERT, *map(row, range(2500)))

    upgrade_at_once("books", 3, environment=environment)

    assert_filled(url, 2500)
    invoke("books", "db", "downgrade", "0005", environment=environment)
    invoke("books", "db", "upgrade", environment=environment)
    assert_filled(url, 2500)


@pytest.fixture
def migrated(postgres: PostgresServer) -> str:
    """Return the URL of a migrated database, in which an older version still works."""
    return migrated_database(postgres, "books")


def test_what_a_version_before_writes_is_found_and_what_this_one_writes_stays(
    migrated: str,
) -> None:
    execute(migrated, INSERT, *map(row, range(20)))
    assert_filled(migrated, 20)

    before, this = "folded_name = 'ångström'", "folded_name = 'oslo', search_text = 'of this version'"
    for changed, owner in ((before, "owner 1"), (this, "owner 2")):
        statement = f"UPDATE books SET {changed} WHERE owner = '{owner}' RETURNING 1"  # noqa: S608 - our own words
        execute(migrated, statement)

    found = {name: words.split("\n")[0] for name, _, _, words in execute(migrated, FOUND)}
    assert (found["ångström"], found["oslo"]) == ("angstrom", "of this version")


def test_the_database_makes_the_same_text_of_every_letter(migrated: str) -> None:
    letters = [chr(code) for code in range(0x80, 0x3000) if unicodedata.category(chr(code)) != "Cn"]
    texts = [fold_text(f"a{letter}b {letter}") for letter in letters]

    with psycopg.connect(migrated) as connection:
        found = connection.execute("SELECT books_search_text(t, '', t) FROM unnest(%s::text[]) AS t", [texts])
        made = [words for (words,) in found]

    assert made == [search_form(f"{each}\n\n{each}") for each in texts]


def test_a_migration_that_was_interrupted_is_run_again(migrated: str, tmp_path: Path) -> None:
    environment = Pair(tmp_path, databases={"books": migrated}).environment
    invoke("books", "db", "downgrade", "0006", environment=environment)
    execute(migrated, INSERT, *map(row, range(20)))
    execute(migrated, "UPDATE books SET search_text = '' WHERE owner < 'owner 3' RETURNING 1")
    execute(migrated, "UPDATE alembic_version SET version_num = '0005' RETURNING 1")

    invoke("books", "db", "upgrade", environment=environment)

    assert_filled(migrated, 20)

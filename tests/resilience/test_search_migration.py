"""The column that words are looked for in is filled for all books: those from before, and those of then."""

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, insert, text

from books_service.models import Book
from books_service.shelf.put import fold_text, new_row, search_form
from tests.conftest import migrated_database
from tests.pair import Pair, invoke
from tests.postgres_server import PostgresServer
from tests.resilience.alone import upgrade_at_once

TITLES = ["García", "O’Reilly", "“Zoë”", "Łódź, Ørsted", "한글 각", "ไทย"]
TITLES += ["C:\\100%_", "\u1e9e Ἀθῆναι", "plain"]
FOUND = "SELECT folded_name, folded_author, folded_publisher, search_text FROM books"


def insert_books(url: str, count: int) -> None:
    """Add books as a version does that knows no such column."""
    rows = []
    for number in range(count):
        title = TITLES[number % len(TITLES)]
        book = {"name": f"{title} {number}", "Author": title, "Publisher": title, "book_prize": None}
        rows.append(new_row(f"owner {number % 7}", book, datetime.now(UTC)))
        del rows[-1]["search_text"]
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(insert(Book), rows)


def execute(url: str, statement: str) -> list[tuple[str, ...]]:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        result = connection.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []


def assert_filled(url: str, count: int) -> None:
    found = execute(url, FOUND)
    assert len(found) == count
    for *folded, search_text in found:
        assert search_text == search_form("\n".join(folded))


def test_books_from_before_are_found(databases: dict[str, str], tmp_path: Path) -> None:
    url, environment = databases["books"], Pair(tmp_path, databases=databases).environment
    invoke("books", "db", "upgrade", "0005", environment=environment)
    insert_books(url, 1100)

    upgrade_at_once("books", 3, environment=environment)

    assert_filled(url, 1100)
    invoke("books", "db", "downgrade", "0005", environment=environment)
    invoke("books", "db", "upgrade", environment=environment)
    assert_filled(url, 1100)


@pytest.fixture
def migrated(postgres: PostgresServer) -> str:
    """Return the URL of a migrated database, in which an older version still works."""
    return migrated_database(postgres, "books")


def test_what_a_version_before_writes_is_found_and_what_this_one_writes_stays(migrated: str) -> None:
    insert_books(migrated, 20)
    assert_filled(migrated, 20)

    of_this = "search_text = 'of this version'"
    execute(migrated, "UPDATE books SET folded_name = 'ångström' WHERE owner = 'owner 1'")
    execute(migrated, f"UPDATE books SET folded_name = 'oslo', {of_this} WHERE owner = 'owner 2'")  # noqa: S608 - our own words

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
    insert_books(migrated, 20)
    execute(migrated, "UPDATE books SET search_text = '' WHERE owner < 'owner 3'")
    execute(migrated, "UPDATE alembic_version SET version_num = '0005'")

    invoke("books", "db", "upgrade", environment=environment)

    assert_filled(migrated, 20)

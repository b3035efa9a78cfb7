"""How the databases look for books: in the owner's part of an index, however many books others have."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import ClauseElement
from sqlalchemy.dialects import postgresql, sqlite

from books_service.feed import events as feed
from books_service.feed import leader_lock
from books_service.shelf import edit, find, put
from books_service.shelf.list import BY_ID, SORTS, QueryShape, Range, statement
from books_service.transfer import bulk
from tests.conftest import migrated_database
from tests.postgres_server import PostgresServer

BOOKS = 20_000  # of the one user; the other has 20
FILL = """
INSERT INTO books (owner, name, "Author", "Publisher", book_prize, folded_name, folded_author,
 folded_publisher, title, version, created_at, updated_at)
SELECT %s, 'Book', 'Author', 'Press', nullif(n %% 50, 0), md5(n::text), 'author ' || n / 100,
 'press ' || n %% 3, sha256(n::text::bytea), 1, now() + n * interval '1 s', now()
FROM generate_series(1, %s) AS n
"""
MANY_OWNERS = """
INSERT INTO books (owner, name, "Author", "Publisher", folded_name, folded_author, folded_publisher,
 title, version, created_at, updated_at)
SELECT 'owner ' || n %% %s, 'Book', 'Author', 'Press', md5(n::text), 'author', 'press',
 sha256(n::text::bytea), 1, now(), now()
FROM generate_series(1, %s) AS n
"""
INDEX = {
    "id": "pk_books",
    "name": "ix_books_owner_name",
    "Author": "ix_books_owner_author",
    "book_prize": "ix_books_owner_prize",
    "created_at": "ix_books_owner_created",
}
BOOK = dict.fromkeys(put.INSERT_COLUMNS, "") | {
    "owner": "many",
    "book_id": 1,
    "book_prize": 1,
    "version": 2,
    "known": 1,
    "first": 30_001,
    "last": 30_500,
    "shelf": "many",
    "updated_at": "2026-01-01T00:00:00+00:00",
}
KEYS = {"name": "m", "Author": "author 50", "book_prize": 7, "created_at": "2026-01-01T00:00:00+00:00"}
RANGES = {
    "id": [Range.ALL, Range.ID_AFTER],
    "name": [Range.ALL, Range.AFTER],
    "Author": [Range.ALL, Range.AFTER],
    "book_prize": [Range.NOT_NULL, Range.AFTER, Range.NULL, Range.NULL_AFTER],
    "created_at": [Range.ALL, Range.AFTER],
}
MIDDLES = {Range.AFTER, Range.SAME_KEY, Range.GREATER, Range.NULL_AFTER, Range.ID_AFTER}
IDS = {Range.SAME_KEY, Range.NULL_AFTER, Range.ID_AFTER}  # what begins at an id
SORTED = [(sign + sort, part) for sort, parts in RANGES.items() for part in parts for sign in ("", "-")]
every_sort = pytest.mark.parametrize(("sort", "part"), SORTED)

Plan = dict[str, Any]
Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def lopsided(postgres: PostgresServer) -> Iterator[Connection]:
    """Return a connection to a table where one user has many books, and thousands have five each."""
    url = migrated_database(postgres, "books")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute(FILL, ["many", BOOKS])
        connection.execute(FILL, ["few", 20])
        connection.execute(MANY_OWNERS, [2000, 10_000])
        connection.execute("ANALYZE books")
        yield connection


@pytest.fixture(scope="module", params=[(20, 20), (2000, 2000), (10, BOOKS)], ids=str)
def grown(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Connection]:
    """Return a connection to a table of so many owners and books when it was analyzed; one has many since."""
    url = migrated_database(postgres, "books")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("ALTER TABLE books SET (autovacuum_enabled = off)")
        connection.execute(MANY_OWNERS, request.param)
        connection.execute("ANALYZE books")
        connection.execute(FILL, ["many", BOOKS])
        yield connection


def values_of(compiled: Any, values: dict[str, object]) -> list[object]:
    """Return the parameters of a statement in the order in which it has them."""
    constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    given = {"owner": "few", "limit": 51, "after": 100} | constants | values
    assert compiled.positiontup is not None
    return [given[name] for name in compiled.positiontup]


def plan(connection: Connection, query: ClauseElement, mode: str, **values: object) -> Plan:
    """Return the plan of a prepared statement: `force_generic_plan` is what one that is used often gets."""
    compiled = query.compile(dialect=postgresql.dialect(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call] # untyped there
    connection.execute("DEALLOCATE ALL")
    connection.execute(f"SET plan_cache_mode = {mode}")
    connection.execute(f"PREPARE hot AS {compiled}")
    literals = ", ".join(map(repr, values_of(compiled, values)))
    found = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE hot ({literals})").fetchone()
    assert found is not None
    whole: Plan = (found[0] if isinstance(found[0], list) else json.loads(found[0]))[0]["Plan"]
    return whole


def nodes(whole: Plan) -> list[Plan]:
    """Return the nodes of a plan, from the outermost inwards."""
    return [whole, *(node for inner in whole.get("Plans", []) for node in nodes(inner))]


@every_sort
def test_a_sorted_page_is_read_from_where_it_begins(lopsided: Connection, sort: str, part: Range) -> None:
    page = statement(QueryShape(sort, (), 0, False), part)
    member = sort.removeprefix("-")

    for owner in ("few", "many"):
        whole = plan(lopsided, page, "force_generic_plan", owner=owner, key=KEYS.get(member))

        limit, scan = nodes(whole)  # nothing between them: no sort
        assert (limit["Node Type"], scan["Node Type"]) == ("Limit", "Index Scan")
        assert scan["Index Name"] == INDEX[member]
        assert "owner" in scan["Index Cond"]
        assert (part in MIDDLES) == (">" in scan["Index Cond"] or "<" in scan["Index Cond"])
        assert "Filter" not in scan


BY_OWNER_AND_ID = [find.SELECT_BOOK, edit.LOCK_BOOK, edit.UPDATE, edit.DELETE, feed.DELETE_BOOKS]
every_mode = pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])


@every_mode
@pytest.mark.parametrize("hot", BY_OWNER_AND_ID)
def test_books_of_who_has_many_now_are_looked_up_by_owner_and_id(
    grown: Connection, hot: ClauseElement, mode: str
) -> None:
    node = nodes(plan(grown, hot, mode, **BOOK))[-1]

    assert node["Index Name"] == "pk_books"
    assert "id" in node["Index Cond"]


@every_mode
def test_books_of_who_has_many_now_are_found_in_order_to_be_deleted(grown: Connection, mode: str) -> None:
    with grown.transaction():
        for setting in leader_lock.IN_ORDER:
            grown.execute(f"SET LOCAL {setting}")
        limit, scan = nodes(plan(grown, feed.FIND_BOOKS, mode, owner="many"))

    assert limit["Node Type"] == "Limit"
    assert scan["Index Name"] == "pk_books"
    assert "Filter" not in scan


@every_sort
def test_a_sorted_page_of_who_has_many_now_is_read_from_where_it_begins(
    grown: Connection, sort: str, part: Range
) -> None:
    page = statement(QueryShape(sort, (), 0, False), part)
    member = sort.removeprefix("-")

    whole = plan(grown, page, "force_generic_plan", owner="many", key=KEYS.get(member))

    _limit, scan = nodes(whole)
    assert scan["Index Name"] == INDEX[member]
    assert "Filter" not in scan


def test_titles_of_who_has_many_now_are_looked_up_one_by_one(grown: Connection) -> None:
    with grown.transaction():
        grown.execute(str(bulk.PLAN.compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call] # untyped there
        whole = plan(grown, bulk.SELECT_TITLES_OF_BATCH, "force_custom_plan", owner="many", batch='["00"]')

    node = nodes(whole)[-1]

    assert node["Index Name"] == "uq_books_owner_title"
    assert "title" in node["Index Cond"]


@pytest.mark.parametrize("sort", ["id", "-name", "book_prize"])
def test_rare_words_are_found_in_the_trigram_index(lopsided: Connection, sort: str) -> None:
    part = Range.NOT_NULL if sort == "book_prize" else Range.ALL
    page = statement(QueryShape(sort, (), 2, False), part)

    whole = plan(lopsided, page, "force_custom_plan", owner="many", word0="%zzyzx%", word1=r"%a\_b%")

    assert "ix_books_search" in {node.get("Index Name") for node in nodes(whole)}


@pytest.mark.parametrize("sort", ["id", "-name", "Author"])
def test_words_that_are_everywhere_are_found_in_the_order_of_the_page(
    lopsided: Connection, sort: str
) -> None:
    page = statement(QueryShape(sort, (), 1, False), Range.ALL)

    whole = plan(lopsided, page, "force_custom_plan", owner="many", word0="%press%")

    assert nodes(whole)[-1]["Index Name"] == INDEX[sort.removeprefix("-")]


def test_a_rare_publisher_is_found_in_the_trigram_index(lopsided: Connection) -> None:
    page = statement(QueryShape("id", ("Publisher",), 1, False), Range.ALL)

    whole = plan(lopsided, page, "force_custom_plan", owner="many", Publisher="zzyzx", word0="%zzyzx%")

    assert "ix_books_search" in {node.get("Index Name") for node in nodes(whole)}


@pytest.mark.parametrize("member", ["name", "Author"])
def test_a_whole_value_is_found_in_its_index(lopsided: Connection, member: str) -> None:
    page = statement(QueryShape("created_at", (member,), 0, False), Range.ALL)

    whole = plan(lopsided, page, "force_custom_plan", owner="many", **{member: "author 7"})

    node = next(node for node in nodes(whole) if node.get("Index Name") == INDEX[member])
    assert f"folded_{member.lower()}" in node["Index Cond"]


@pytest.fixture(scope="module")
def file(template: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to a migrated SQLite file; it plans alike whatever the table holds."""
    with closing(sqlite3.connect(template / "books.db")) as connection:
        yield connection


def steps(connection: sqlite3.Connection, query: ClauseElement, **values: object) -> list[str]:
    """Return how SQLite runs a statement, without the index's name where it is of no interest."""
    compiled = query.compile(dialect=sqlite.dialect())
    found = connection.execute(f"EXPLAIN QUERY PLAN {compiled}", values_of(compiled, values))
    return [detail for *_, detail in found]


IN_SQLITE = [(sort, part) for sort, part in SORTED if part is not Range.AFTER]
IN_SQLITE += [
    (sign + sort, part)
    for sort in RANGES
    if sort != BY_ID
    for part in (Range.SAME_KEY, Range.GREATER)
    for sign in ("", "-")
]


@pytest.mark.parametrize(("sort", "part"), IN_SQLITE)
def test_sqlite_reads_a_sorted_page_from_where_it_begins(
    file: sqlite3.Connection, sort: str, part: Range
) -> None:
    [step] = steps(file, statement(QueryShape(sort, (), 0, True), part), key="x")

    index = INDEX[sort.removeprefix("-")].replace("pk_books", "ix_books_owner_search")
    assert step.startswith(f"SEARCH books USING INDEX {index} (owner=?")
    assert (part in IDS) == ("id>?" in step or "id<?" in step)


@pytest.mark.parametrize("part", [Range.ALL, Range.NOT_NULL, Range.AFTER, Range.NULL])
@pytest.mark.parametrize(("members", "words"), [((), 1), ((), 3), (("Publisher",), 0), (("Publisher",), 2)])
@pytest.mark.parametrize("sort", ["name", "-Author", "book_prize", "-created_at"])
def test_sqlite_searches_a_shelf_in_one_index(
    file: sqlite3.Connection, sort: str, part: Range, members: tuple[str, ...], words: int
) -> None:
    asked = {"key": 1, "Publisher": "x"} | {f"word{number}": "x" for number in range(words)}

    found = steps(file, statement(QueryShape(sort, members, words, True), part), **asked)

    assert "SEARCH books USING COVERING INDEX ix_books_owner_search (owner=?)" in found
    assert "SEARCH books USING INTEGER PRIMARY KEY (rowid=?)" in found


@pytest.mark.parametrize("member", ["name", "Author"])
@pytest.mark.parametrize("sort", SORTS)
def test_sqlite_finds_a_whole_value_in_its_index(file: sqlite3.Connection, sort: str, member: str) -> None:
    found = steps(
        file,
        statement(QueryShape(sort, (member, "Publisher"), 1, True), Range.ALL),
        word0="x",
        **{member: "x", "Publisher": "x"},
    )

    assert found[0].startswith(
        f"SEARCH books USING INDEX {INDEX[member]} (owner=? AND folded_{member.lower()}=?"
    )

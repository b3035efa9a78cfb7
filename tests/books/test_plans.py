"""How the databases look for books: in the owner's part of an index, however many books others have."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import ClauseElement
from sqlalchemy.dialects import postgresql, sqlite

from books_service.shelf import edit, erasure, find, put
from books_service.shelf.list import BY_ID, QueryShape, Range, statement
from books_service.transfer import bulk
from tests.books.reading import SORTS
from tests.cases import every
from tests.conftest import migrated_database
from tests.postgres_server import PostgresServer

GENERIC, CUSTOM = "force_generic_plan", "force_custom_plan"  # the first is of a statement that is used often
BOOKS = 20_000  # of the one user
FILL = """
INSERT INTO books (owner, name, "Author", "Publisher", book_prize, folded_name, folded_author,
 folded_publisher, search_text, title, version, created_at, updated_at)
SELECT %(owner)s || coalesce((n %% %(owners)s::int)::text, ''), 'Book', 'Author', 'Press',
 nullif(n %% 50, 0), md5(n::text), 'author ' || n / 100, 'press ' || n %% 3,
 concat_ws(chr(10), md5(n::text), 'author ' || n / 100, 'press ' || n %% 3), sha256(n::text::bytea), 1,
 now() + n * interval '1 s', now()
FROM generate_series(1, %(books)s) AS n
"""
LOPSIDED = (True, 2000, 10_000)  # beside the one there are 2,000 with five books each
GROWN = [(False, 20, 20), (False, 10, BOOKS)]
TRIGRAMS = "ix_books_search_text"
INDEX = {
    "id": "pk_books",
    "name": "ix_books_owner_name",
    "Author": "ix_books_owner_author",
    "book_prize": "ix_books_owner_prize",
    "created_at": "ix_books_owner_created",
}
NOW = "2026-01-01T00:00:00+00:00"
BOOK = dict.fromkeys(put.INSERT_COLUMNS, "") | {"book_prize": 1, "version": 2, "updated_at": NOW}
BOOK |= {"owner": "many", "shelf": "many", "book_id": 1, "known": 1, "first": 30_001, "last": 30_500}
BOOK |= {"batch": '["00"]'}
KEYS = {"name": "m", "Author": "author 50", "book_prize": 7, "created_at": NOW}
ENTIRE = {sort: [Range.ALL] for sort in INDEX} | {"book_prize": [Range.NOT_NULL, Range.NULL]}
MIDDLES = {Range.AFTER, Range.SAME_KEY, Range.GREATER, Range.NULL_AFTER, Range.ID_AFTER}
IDS = {Range.SAME_KEY, Range.NULL_AFTER, Range.ID_AFTER}  # what begins at an id


def ranges(*middles: Range) -> list[tuple[str, Range]]:
    """Return each sort with each of the ranges that its pages are, of which these are behind a value."""
    found = [(sort, part) for sort, parts in ENTIRE.items() for part in parts]
    found += [(sort, part) for sort in INDEX for part in middles if sort != BY_ID]
    found += [(BY_ID, Range.ID_AFTER), ("book_prize", Range.NULL_AFTER)]
    return [(sign + sort, part) for sort, part in found for sign in ("", "-")]


Plan = dict[str, Any]
Connection = psycopg.Connection[Any]


def fill(connection: Connection, owner: str, books: int, owners: int | None = None) -> None:
    """Put books on the shelf of the owner, or on those of several, whose names have a number behind."""
    connection.execute(FILL, {"owner": owner, "books": books, "owners": owners})


@pytest.fixture(scope="module", params=[LOPSIDED, *GROWN], ids=str)
def table(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Connection]:
    """Return a connection to a table of several owners, and of one with many, some new since ANALYZE."""
    is_known, owners, books = request.param
    url = migrated_database(postgres, "books")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("ALTER TABLE books SET (autovacuum_enabled = off)")
        fill(connection, "owner ", books, owners)
        if not is_known:
            connection.execute("ANALYZE books")
            connection.execute("DROP INDEX ix_books_search_text")  # nothing is searched here
        fill(connection, "many", BOOKS)
        if is_known:
            connection.execute("ANALYZE books")
        yield connection


def values_of(compiled: Any, values: dict[str, object]) -> list[object]:
    """Return the parameters of a statement in the order in which it has them."""
    constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    given = {"owner": "many", "limit": 51, "after": 100} | constants | values
    assert compiled.positiontup is not None
    return [given[name] for name in compiled.positiontup]


def plan(connection: Connection, query: ClauseElement, mode: str, **values: object) -> list[Plan]:
    """Return the nodes of the plan of a prepared statement, from the outermost inwards."""
    compiled = query.compile(dialect=postgresql.dialect(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call] # untyped there
    connection.execute("DEALLOCATE ALL")
    connection.execute(f"SET plan_cache_mode = {mode}")
    connection.execute(f"PREPARE hot AS {compiled}")
    literals = ", ".join(map(repr, values_of(compiled, values)))
    found = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE hot ({literals})").fetchone()
    assert found is not None
    return nodes(found[0][0]["Plan"])


def nodes(whole: Plan) -> list[Plan]:
    """Return a node and those in it; the shelf's count is read apart from it."""
    inner = [plan for plan in whole.get("Plans", []) if plan["Parent Relationship"] != "InitPlan"]
    return [whole, *(node for plan in inner for node in nodes(plan))]


def page(sort: str, part: Range, *members: str, words: int = 0, is_sqlite: bool = False) -> ClauseElement:
    return statement(QueryShape(sort, members, words, is_sqlite), part)


@every("sort, part", ranges(Range.AFTER))
def test_a_sorted_page_is_read_from_where_it_begins(table: Connection, sort: str, part: Range) -> None:
    member = sort.removeprefix("-")

    limit, scan = plan(table, page(sort, part), GENERIC, key=KEYS.get(member))  # and no sort between them

    assert (limit["Node Type"], scan["Node Type"]) == ("Limit", "Index Scan")
    assert scan["Index Name"] == INDEX[member]
    assert "owner" in scan["Index Cond"]
    assert (part in MIDDLES) == (">" in scan["Index Cond"] or "<" in scan["Index Cond"])
    assert "Filter" not in scan


BY_PLACE = [find.SELECT_BOOK, edit.LOCK_BOOK, edit.UPDATE, edit.DELETE, erasure.DELETE_BOOKS]


@every(
    "before, hot, mode, index, condition",
    [("SELECT", hot, mode, "pk_books", "id") for hot in BY_PLACE for mode in (GENERIC, CUSTOM)]
    + [(erasure.IN_ORDER, erasure.FIND_BOOKS, mode, "pk_books", "owner") for mode in (GENERIC, CUSTOM)]
    + [(bulk.PLAN, bulk.SELECT_TITLES_OF_BATCH, CUSTOM, "uq_books_owner_title", "title")],
)
def test_books_are_looked_up_in_the_index_of_what_is_known(
    table: Connection, before: Any, hot: ClauseElement, mode: str, index: str, condition: str
) -> None:
    with table.transaction():
        table.execute(str(before))
        *outer, scan = plan(table, hot, mode, **BOOK)

    assert (scan["Index Name"], condition in scan["Index Cond"]) == (index, True)
    assert scan.get("Filter", "(version = 1)").startswith("(version = ")  # of an update
    assert "Sort" not in {node["Node Type"] for node in outer}


RARE, COMMON = {"word0": "%zzyzx%", "word1": r"%a\_b%"}, {"word0": "%press%"}


@pytest.mark.parametrize("table", [LOPSIDED], indirect=True, ids=str, scope="module")
@every(
    "shape, values, index",
    [(page(sort, Range.ALL, words=2), RARE, TRIGRAMS) for sort in ("id", "-name")]
    + [(page("book_prize", Range.NOT_NULL, words=2), RARE, TRIGRAMS)]
    + [(page("id", Range.ALL, "Publisher", words=1), RARE | {"Publisher": "zzyzx"}, TRIGRAMS)]
    # What is everywhere is found in the order of the page.
    + [(page(sort, Range.ALL, words=1), COMMON, INDEX[sort]) for sort in ("id", "name", "Author")]
    + [(page("created_at", Range.ALL, who), {who: "author 7"}, INDEX[who]) for who in ("name", "Author")],
)
def test_a_search_takes_the_index_that_narrows_it_most(
    table: Connection, shape: ClauseElement, values: dict[str, str], index: str
) -> None:
    assert index in {node.get("Index Name") for node in plan(table, shape, CUSTOM, **values)}


@pytest.fixture(scope="module")
def file(template: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to a migrated SQLite file; it plans alike whatever the table holds."""
    with closing(sqlite3.connect(template / "books.db")) as connection:
        yield connection


def steps(file: sqlite3.Connection, query: ClauseElement, **values: object) -> list[str]:
    """Return how SQLite runs a statement."""
    compiled = query.compile(dialect=sqlite.dialect())
    found = file.execute(f"EXPLAIN QUERY PLAN {compiled}", values_of(compiled, values))
    return [detail for *_, detail in found]


@every("sort, part", ranges(Range.SAME_KEY, Range.GREATER))
def test_sqlite_reads_a_sorted_page_from_where_it_begins(
    file: sqlite3.Connection, sort: str, part: Range
) -> None:
    step, *count = steps(file, page(sort, part, is_sqlite=True), key="x")

    index = INDEX[sort.removeprefix("-")].replace("pk_books", "ix_books_owner_search")
    assert step.startswith(f"SEARCH books USING INDEX {index} (owner=?")
    assert (part in IDS) == ("id>?" in step or "id<?" in step)
    assert count == ["SCALAR SUBQUERY 1", "SEARCH shelves USING INDEX sqlite_autoindex_shelves_1 (owner=?)"]


@every("part", [Range.ALL, Range.NOT_NULL, Range.AFTER, Range.NULL])
@every("members, words", [((), 1), ((), 3), (("Publisher",), 0), (("Publisher",), 2)])
@every("sort", ["name", "-Author", "book_prize", "-created_at"])
def test_sqlite_searches_a_shelf_in_one_index(
    file: sqlite3.Connection, sort: str, part: Range, members: tuple[str, ...], words: int
) -> None:
    asked = {"key": 1, "Publisher": "x"} | {f"word{number}": "x" for number in range(words)}

    found = steps(file, page(sort, part, *members, words=words, is_sqlite=True), **asked)

    assert "SEARCH books USING COVERING INDEX ix_books_owner_search (owner=?)" in found
    assert "SEARCH books USING INTEGER PRIMARY KEY (rowid=?)" in found


@every("member", ["name", "Author"])
@every("sort", SORTS)
def test_sqlite_finds_a_whole_value_in_its_index(file: sqlite3.Connection, sort: str, member: str) -> None:
    shape = page(sort, Range.ALL, member, "Publisher", words=1, is_sqlite=True)

    found = steps(file, shape, word0="x", **{member: "x", "Publisher": "x"})

    index, column = INDEX[member], f"folded_{member.lower()}"
    assert found[0].startswith(f"SEARCH books USING INDEX {index} (owner=? AND {column}=?")

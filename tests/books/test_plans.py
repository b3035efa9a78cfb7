"""How PostgreSQL looks for books: by owner and id together, however many books others have."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy.dialects import postgresql

from books_service import shelf
from common.statements import Statement
from tests.conftest import migrated_database
from tests.postgres_server import PostgresServer

BOOKS = 20_000  # of the one user; the other has 20
FILL = """
INSERT INTO books (owner, name, "Author", "Publisher", title, version, created_at, updated_at)
SELECT %s, 'Book', 'Author', 'Press', sha256(n::text::bytea), 1, now(), now() FROM generate_series(1, %s) AS n
"""


@pytest.fixture(scope="module")
def lopsided(postgres: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """Return a connection to a table where nearly every book is one user's."""
    with psycopg.connect(migrated_database(postgres, "books"), autocommit=True) as connection:
        connection.execute(FILL, ["many", BOOKS])
        connection.execute(FILL, ["few", 20])
        connection.execute("ANALYZE books")
        connection.execute("SET plan_cache_mode = force_generic_plan")  # what a statement used often gets
        yield connection


def plan(connection: psycopg.Connection[Any], statement: Statement, *values: object) -> dict[str, Any]:
    """Return the plan of a prepared statement, the innermost node of it."""
    dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call] # untyped there
    connection.execute("DEALLOCATE ALL")
    connection.execute(f"PREPARE hot AS {statement.compile(dialect)}")
    found = connection.execute(
        f"EXPLAIN (FORMAT JSON) EXECUTE hot ({', '.join(map(repr, values))})"
    ).fetchone()
    assert found is not None
    node: dict[str, Any] = (found[0] if isinstance(found[0], list) else json.loads(found[0]))[0]["Plan"]
    while "Plans" in node:
        node = node["Plans"][0]
    return node


@pytest.mark.parametrize("owner", ["few", "many"])
def test_a_page_is_read_from_the_owner_s_part_of_the_index(
    lopsided: psycopg.Connection[Any], owner: str
) -> None:
    node = plan(lopsided, shelf.LIST, owner, 0, 51)

    assert node["Index Name"] == "pk_books"
    assert "owner" in node["Index Cond"]


def test_a_book_is_looked_up_by_owner_and_id(lopsided: psycopg.Connection[Any]) -> None:
    node = plan(lopsided, shelf.FIND, "few", 1)

    assert node["Index Name"] == "pk_books"
    assert "Filter" not in node

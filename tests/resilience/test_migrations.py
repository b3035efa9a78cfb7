"""Migrations: safe however many start at once, the same as the models, and waited for by the services."""

import json
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, NullPool, create_engine, inspect, text

from auth_service.models import AuthBase
from books_service.models import BooksBase
from tests.books.conftest import somebody
from tests.pair import SERVICES, Pair, invoke
from tests.people import PASSWORD, Person, assert_problem, book

METADATA: dict[str, MetaData] = {"auth": AuthBase.metadata, "books": BooksBase.metadata}
LOGIN = {"name": "ann", "password": PASSWORD}


def connected(url: str) -> AbstractContextManager[Connection]:
    """Connect to the database as an operator does."""
    return create_engine(url, poolclass=NullPool).begin()


def execute(url: str, statement: str) -> Any:
    """Run SQL; return the one value that it has."""
    with connected(url) as connection:
        result = connection.execute(text(statement))
        return result.scalar() if result.returns_rows else None


def schema(url: str) -> dict[str, object]:
    """Return the tables of a database with their columns and indexes, as the database tells them."""
    with connected(url) as connection:
        look = inspect(connection)
        return {
            table: (repr(look.get_columns(table)), json.dumps(look.get_indexes(table), default=str))
            for table in sorted(look.get_table_names())
        }


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_make_what_the_models_say_and_can_be_repeated_and_taken_back(
    service: str, databases: dict[str, str], tmp_path: Path
) -> None:
    """That many may migrate at once is in test_search_migration.py."""
    environment = Pair(tmp_path, databases=databases).environment
    flask_db, url = partial(invoke, service, "db", environment=environment), databases[service]
    flask_db("upgrade")
    first = schema(url)
    assert set(first) == {*METADATA[service].tables, "alembic_version"}

    flask_db("upgrade")
    assert schema(url) == first
    flask_db("downgrade", "base")
    assert set(schema(url)) == {"alembic_version"}
    flask_db("upgrade")
    assert schema(url) == first
    flask_db("check")


def test_services_refuse_every_other_schema_and_need_no_restart_for_theirs(
    databases: dict[str, str], tmp_path: Path
) -> None:
    pair = Pair(tmp_path, databases=databases).prepare()
    current = {url: set_version(url, "9999") for url in databases.values()}
    with pair.start():
        reader = somebody(pair)
        for version in ("9999", "0000", None):
            for url in databases.values():
                set_version(url, version)
            assert_refuses(reader)
        for url in databases.values():
            execute(url, "ALTER TABLE alembic_version RENAME TO away")
        assert_refuses(reader)
        for url in databases.values():
            execute(url, "ALTER TABLE away RENAME TO alembic_version")
        for url, version in current.items():
            set_version(url, version)

        assert reader.post("/books", book()).status_code == 201
        assert reader.post("/login", LOGIN, "auth", headers={}).status_code == 401
        assert [reader.get("/readyz", service).status_code for service in SERVICES] == [200, 200]


def set_version(url: str, version: str | None) -> str | None:
    """Make the database say that it is on this migration, or on none; return the one that it was on."""
    before: str | None = execute(url, "DELETE FROM alembic_version RETURNING version_num")
    if version:
        execute(url, f"INSERT INTO alembic_version VALUES ('{version}')")  # noqa: S608 - of ours
    return before


def assert_refuses(reader: Person) -> None:
    """Fail unless both services live, serve nothing, and say why."""
    assert_problem(reader.get("/books"), 503)
    assert_problem(reader.post("/books", book()), 503)
    assert_problem(reader.get("/me", "auth"), 503)
    assert_problem(reader.post("/login", LOGIN, "auth", headers={}), 503)
    for service in SERVICES:
        ready = reader.get("/readyz", service)
        assert (ready.status_code, ready.json()["status"]) == (503, "failing")
        checks = {"database": "ok", "schema": "failing", "keys": "ok"}
        assert ready.json()["checks"].items() >= checks.items()
        assert reader.get("/healthz", service).status_code == 200

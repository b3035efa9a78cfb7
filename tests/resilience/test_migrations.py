"""Migrations: safe however many start at once, the same as the models, and waited for by the services."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, create_engine, inspect, text

from auth_service.models import AuthBase
from books_service.models import BooksBase
from tests.books.conftest import somebody
from tests.pair import SERVICES, Pair, invoke
from tests.people import PASSWORD, Person, assert_problem, book
from tests.resilience.alone import upgrade_at_once

METADATA: dict[str, MetaData] = {"auth": AuthBase.metadata, "books": BooksBase.metadata}
LOGIN = {"name": "ann", "password": PASSWORD}


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect to the database as an operator does."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def schema(url: str) -> dict[str, object]:
    """Return the tables of a database with their columns and indexes, as the database tells them."""
    with connected(url) as connection:
        look = inspect(connection)
        return {
            table: (repr(look.get_columns(table)), json.dumps(look.get_indexes(table), default=str))
            for table in sorted(look.get_table_names())
        }


def tables(service: str) -> set[str]:
    """Return the tables that a migrated database has."""
    return {*METADATA[service].tables, "alembic_version"}


@pytest.fixture
def environment(databases: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return what `flask db` is told of two empty databases."""
    return Pair(tmp_path, databases=databases).environment


def test_three_that_migrate_at_once_make_one_schema(
    databases: dict[str, str], environment: dict[str, str]
) -> None:
    upgrade_at_once("auth", 3, environment=environment)  # as for books, see test_search_migration.py

    assert set(schema(databases["auth"])) == tables("auth")
    with connected(databases["auth"]) as connection:
        assert len(connection.execute(text("SELECT version_num FROM alembic_version")).all()) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_make_what_the_models_say_and_can_be_repeated_and_taken_back(
    service: str, databases: dict[str, str], environment: dict[str, str]
) -> None:
    flask_db, url = partial(invoke, service, "db", environment=environment), databases[service]
    flask_db("upgrade")
    first = schema(url)
    assert set(first) == tables(service)

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
        rename_versions(databases, "alembic_version", "away")
        assert_refuses(reader)
        rename_versions(databases, "away", "alembic_version")
        for url, version in current.items():
            set_version(url, version)

        assert reader.post("/books", book()).status_code == 201
        assert reader.post("/login", LOGIN, "auth", headers={}).status_code == 401
        assert [reader.get("/readyz", service).status_code for service in SERVICES] == [200, 200]


def rename_versions(databases: dict[str, str], old: str, new: str) -> None:
    for url in databases.values():
        with connected(url) as connection:
            connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def set_version(url: str, version: str | None) -> str | None:
    """Make the database say that it is on this migration, or on none; return the one that it was on."""
    with connected(url) as connection:
        before = connection.execute(text("DELETE FROM alembic_version RETURNING version_num")).scalar()
        if version:
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
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

"""Migrations: safe however many start at once, the same as the models, and waited for by the services."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, inspect, text

from auth_service.models import AuthBase
from books_service.models import BooksBase
from common.db.migrations import meant_for
from tests.pair import SERVICES
from tests.people import PASSWORD, assert_problem, book
from tests.resilience.alone import flask_db, make_pair, somebody
from tests.served import ServedPair

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


def differences(service: str, url: str) -> list[object]:
    """Return what the models of a service say otherwise than its database."""
    with connected(url) as connection:
        only = meant_for(connection.dialect.name)
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": only})
        return list(compare_metadata(context, METADATA[service]))


def schema(url: str) -> dict[str, object]:
    """Return the tables of a database with their columns and indexes, as the database tells them."""
    with connected(url) as connection:
        look = inspect(connection)
        return {
            table: (repr(look.get_columns(table)), json.dumps(look.get_indexes(table), default=str))
            for table in sorted(look.get_table_names())
        }


@pytest.fixture
def environment(databases: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return what `flask db` is told of two empty databases."""
    return ServedPair(tmp_path, databases=databases).environment


@pytest.mark.parametrize("service", SERVICES)
def test_four_that_migrate_at_once_make_one_schema(
    service: str, databases: dict[str, str], environment: dict[str, str]
) -> None:
    flask_db(service, "upgrade", environment=environment, processes=4)

    assert set(schema(databases[service])) == {*METADATA[service].tables, "alembic_version"}
    with connected(databases[service]) as connection:
        assert len(connection.execute(text("SELECT version_num FROM alembic_version")).all()) == 1
    assert differences(service, databases[service]) == []


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_can_be_repeated_and_taken_back(
    service: str, databases: dict[str, str], environment: dict[str, str]
) -> None:
    flask_db(service, "upgrade", environment=environment)
    first = schema(databases[service])

    flask_db(service, "upgrade", environment=environment)
    assert schema(databases[service]) == first

    flask_db(service, "downgrade", "base", environment=environment)
    assert set(schema(databases[service])) == {"alembic_version"}

    flask_db(service, "upgrade", environment=environment)
    assert schema(databases[service]) == first
    flask_db(service, "check", environment=environment)


def test_services_refuse_every_other_schema_and_need_no_restart_for_theirs(
    databases: dict[str, str], tmp_path: Path
) -> None:
    with make_pair(tmp_path, databases=databases) as pair:
        pair.start()
        assert_refuses(pair)
        with held_up(pair):  # what is connected while the schema is right stays connected
            for service in SERVICES:
                flask_db(service, "upgrade", environment=pair.environment)
            current = {url: set_version(url, "9999") for url in databases.values()}
        assert_refuses(pair)
        for version in ("0000", None):
            for url in databases.values():
                set_version(url, version)
            assert_refuses(pair)
        for url, version in current.items():
            set_version(url, version)

        reader = somebody(pair)
        assert [reader.post("/books", book()).status_code for _ in range(8)] == [201] * 8
        assert reader.post("/login", LOGIN, "auth", headers={}).status_code == 401
        assert [reader.get("/readyz", service).status_code for service in SERVICES] == [200, 200]


@contextmanager
def held_up(pair: ServedPair) -> Iterator[None]:
    """Let no worker do anything meanwhile."""
    workers = [
        child for process in pair.processes.values() for child in psutil.Process(process.pid).children()
    ]
    for worker in workers:
        worker.suspend()
    yield
    for worker in workers:
        worker.resume()


def set_version(url: str, version: str | None) -> str | None:
    """Make the database say that it is on this migration, or on none; return the one that it was on."""
    with connected(url) as connection:
        before = connection.execute(text("DELETE FROM alembic_version RETURNING version_num")).scalar()
        if version:
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})
    return before


def assert_refuses(pair: ServedPair) -> None:
    """Fail unless both services live, serve nothing, and say why."""
    reader = somebody(pair)
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

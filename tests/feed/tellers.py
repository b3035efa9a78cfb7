"""Both databases as the services' own code sees them, in this process: events are told, shelves filled."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self

import pytest
from flask import Flask
from sqlalchemy import Connection, text

import auth_service
import books_service
from auth_service import events
from auth_service.models import db as auth_db
from books_service.models import db as books_db
from common.db.engine import Database


class Side:
    """A service's application with the environment of a pair, to be used in its context."""

    def __init__(self, app: Flask, db: Database) -> None:
        self.app = app
        self._db = db

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.app.app_context():
            self._db.engine.dispose()

    def execute(self, statement: str, **parameters: object) -> list[Any]:
        """Run SQL, and return the rows that there are."""
        with self.app.app_context(), self._db.read() as connection:
            result = connection.execute(text(statement), parameters)
            return list(result.all()) if result.returns_rows else []

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Yield a connection in autocommit mode, such as the follower's."""
        with self.app.app_context(), self._db.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction."""
        with self.app.app_context(), self._db.write() as connection:
            yield connection


def environment_of_a_command(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")


class Teller(Side):
    """Tells events as the routes of auth do, in the transaction of a change."""

    def __init__(self, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        environment_of_a_command(environment, monkeypatch)
        super().__init__(auth_service.create_app(), auth_db)

    def end(self, *sessions: str) -> None:
        """Tell that sessions ended."""
        with self.app.app_context(), auth_db.write() as connection:
            events.session_ended(connection, sessions)

    def delete(self, public_id: str) -> None:
        """Tell that a user was deleted."""
        with self.app.app_context(), auth_db.write() as connection:
            events.user_deleted(connection, public_id)

    def last(self) -> int:
        """Return the id of the last event."""
        last: int = self.execute("SELECT last FROM feed")[0].last
        return last


class Shelves(Side):
    """The books database, past the service."""

    def __init__(self, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        environment_of_a_command(environment, monkeypatch)
        super().__init__(books_service.create_app(), books_db)

    def fill(self, owner: str, count: int) -> None:
        """Put `count` books on the shelf of `owner`."""
        row = (
            'INSERT INTO books (owner, name, "Author", "Publisher", folded_name, folded_author,'
            " folded_publisher, title, version, created_at, updated_at)"
            " VALUES (:owner, 'Book', 'Ann', 'Press', 'book', 'ann', 'press', :title, 1, :now, :now)"
        )
        now = datetime(2026, 1, 2, tzinfo=UTC).isoformat(sep=" ").removesuffix("+00:00")
        rows = [{"owner": owner, "title": b"%d" % number, "now": now} for number in range(count)]
        with self.write() as connection:
            connection.execute(text(row), rows)

    def count(self, owner: str) -> int:
        """Return how many books are on the shelf of `owner`."""
        statement = "SELECT count(*) AS count FROM books WHERE owner = :owner"
        count: int = self.execute(statement, owner=owner)[0].count
        return count

    def feed(self) -> Any:
        """Return how far the feed is applied."""
        return self.execute("SELECT * FROM feed")[0]

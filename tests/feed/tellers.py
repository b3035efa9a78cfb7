"""Both databases as the services' own code sees them, in this process: events are told, shelves filled."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import pytest
from sqlalchemy import Connection, insert, text

from auth_service import events
from auth_service.models import db as auth_db
from books_service.models import Book
from books_service.models import db as books_db
from books_service.shelf.put import new_row
from common.db.engine import Database
from tests.pair import create_app
from tests.people import book


class Side:
    """A service's application with the environment of a pair, to be used in its context."""

    service: ClassVar[str]
    db: ClassVar[Database]

    def __init__(self, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {**environment, "FLASK_RUN_FROM_CLI": "true"}.items():
            monkeypatch.setenv(name, value)
        self.app = create_app(self.service)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.app.app_context():
            self.db.engine.dispose()

    def execute(self, statement: str, **parameters: object) -> list[Any]:
        """Run SQL, and return the rows that there are."""
        with self.app.app_context(), self.db.read() as connection:
            result = connection.execute(text(statement), parameters)
            return list(result.all()) if result.returns_rows else []

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Yield a connection in autocommit mode, such as the follower's."""
        with self.app.app_context(), self.db.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction."""
        with self.app.app_context(), self.db.write() as connection:
            yield connection


class Teller(Side):
    """Tells events as the routes of auth do, in the transaction of a change."""

    service, db = "auth", auth_db

    def end(self, *sessions: str) -> None:
        """Tell that sessions ended."""
        with self.write() as connection:
            events.session_ended(connection, sessions)

    def delete(self, public_id: str) -> None:
        """Tell that a user was deleted."""
        with self.write() as connection:
            events.user_deleted(connection, public_id)

    def last(self) -> int:
        """Return the id of the last event."""
        last: int = self.execute("SELECT last FROM feed")[0].last
        return last


class Shelves(Side):
    """The books database, past the service."""

    service, db = "books", books_db

    def fill(self, owner: str, count: int) -> None:
        """Put `count` books on the shelf of `owner`."""
        row = new_row(owner, book(), datetime.now(UTC))
        rows = [row | {"title": b"%d" % number} for number in range(count)]
        with self.write() as connection:
            connection.execute(insert(Book), rows)

    def count(self, owner: str) -> int:
        """Return how many books are on the shelf of `owner`."""
        statement = "SELECT count(*) AS count FROM books WHERE owner = :owner"
        count: int = self.execute(statement, owner=owner)[0].count
        return count

    def feed(self) -> Any:
        """Return how far the feed is applied."""
        return self.execute("SELECT * FROM feed")[0]

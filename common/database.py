"""Owns the engine: how connections are made, how long they may wait, and what a failure answers.

Every connection is in its driver's autocommit mode. A read is one statement and needs no transaction;
what must change together goes through `db.session`, which begins one explicitly.
"""

import select
import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
import structlog
from alembic.script import ScriptDirectory
from flask import Flask, Response, current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from psycopg.abc import PQGen
from sqlalchemy import Connection, Engine, MetaData, event
from sqlalchemy.exc import IntegrityError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import ServiceUnavailable

from common import metrics
from common.problems import answer

CONNECTIONS = 10  # a worker
POOL_WAIT = 1  # seconds for a free connection
CONNECT_WAIT = 2  # seconds, libpq's least
STATEMENT_LIMIT = 3000  # milliseconds, kept by the server
LOCK_LIMIT = 2000  # milliseconds, kept by the server
ANSWER_WAIT = 3.5  # seconds a silent server is waited for: the pool's wait and this stay under 5
BUSY_WAIT = 5  # seconds for SQLite's one writer
SCHEMA_VERSION = "SELECT version_num FROM alembic_version"

T = TypeVar("T")

log = structlog.get_logger()


class SchemaNotCurrent(Exception):
    """The database is not on the migration that this code was written for."""


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server that is there but says nothing (frozen, or cut off)."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, ANSWER_WAIT if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from error


class TransactionSession(Session):
    """A session whose every transaction begins at once, on SQLite with the write lock (IMMEDIATE)."""

    def get_bind(self, *_: Any, **__: Any) -> Engine:
        return cast(Engine, current_app.extensions["transactions"])


class Database(SQLAlchemy):
    """Flask-SQLAlchemy with one engine: `read()` for single statements, `session` for transactions."""

    def __init__(self, metadata: MetaData) -> None:
        super().__init__(metadata=metadata, session_options={"class_": TransactionSession})

    def init_database(self, app: Flask, *, url: str, migrations: Path) -> None:
        """Connect `app` to the database at `url`, whose schema `migrations` describes."""
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _options(url)
        self.init_app(app)
        Migrate(app, self, directory=str(migrations))
        app.extensions["schema_head"] = ScriptDirectory(str(migrations)).get_current_head()
        with app.app_context():
            _prepare(app, self.engine)
        for error in (OperationalError, InterfaceError, PoolTimeout, SchemaNotCurrent):
            app.register_error_handler(error, answer_unavailable)

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection for single statements, each of which is its own transaction."""
        return self.engine.connect()


def _options(url: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "pool_size": CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": POOL_WAIT,
        "pool_use_lifo": True,
        "hide_parameters": True,
    }
    if url.startswith("sqlite"):
        return options | {"connect_args": {"timeout": BUSY_WAIT, "isolation_level": None}}
    limits = {
        "TimeZone": "UTC",
        "statement_timeout": STATEMENT_LIMIT,
        "lock_timeout": LOCK_LIMIT,
        "idle_in_transaction_session_timeout": 10_000,
    }
    return options | {
        "connect_args": {
            "autocommit": True,
            "connect_timeout": CONNECT_WAIT,
            "tcp_user_timeout": STATEMENT_LIMIT,
            "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
        }
    }


def _prepare(app: Flask, engine: Engine) -> None:
    transactions = engine.execution_options()
    app.extensions["transactions"] = transactions
    app.extensions.setdefault("after_fork", []).append(lambda: engine.dispose(close=False))
    is_sqlite = engine.dialect.name == "sqlite"
    begin = "BEGIN IMMEDIATE" if is_sqlite else "BEGIN"
    event.listen(transactions, "begin", lambda connection: connection.exec_driver_sql(begin))
    if is_sqlite:
        event.listen(engine, "connect", _set_pragmas)
    else:
        event.listen(
            engine, "do_connect", lambda _, __, args, kwargs: WatchedConnection.connect(*args, **kwargs)
        )
        event.listen(engine, "checkout", _refuse_stale)
    head = app.extensions["schema_head"]
    event.listen(engine, "connect", lambda connection, _: _require_schema(connection, head))
    in_use = metrics.pool_in_use(app.name)
    event.listen(engine, "checkout", lambda *_: in_use.inc())
    event.listen(engine, "checkin", lambda *_: in_use.dec())


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _refuse_stale(connection: psycopg.Connection[Any], *_: object) -> None:
    """Refuse a pooled connection that the server has ended: an idle one has nothing to say but goodbye.

    A look at the socket costs a microsecond; a ping would cost a round trip.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise InvalidatePoolError


def _require_schema(connection: Any, head: str) -> None:
    try:
        cursor = connection.execute(SCHEMA_VERSION)
        current = cursor.fetchone()
    except (psycopg.errors.UndefinedTable, sqlite3.OperationalError) as error:
        connection.close()
        raise SchemaNotCurrent from error
    if current is None or current[0] != head:
        connection.close()
        raise SchemaNotCurrent


def is_duplicate(error: IntegrityError) -> bool:
    """Tell whether a unique index refused the row, rather than another rule of the table."""
    if isinstance(error.orig, psycopg.errors.UniqueViolation):
        return True
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_UNIQUE


def answer_unavailable(error: Exception) -> Response:
    """Answer 503 where the database did not serve the request; nothing of it shows."""
    metrics.database_unavailable(type(error).__name__)
    log.error("database_unavailable", error=type(error).__name__, reason=str(getattr(error, "orig", error)))
    return answer(ServiceUnavailable(retry_after=1))

"""Owns how connections to the database are made, how long they may wait, and when one is good no longer."""

import select
import sqlite3
from functools import partial
from typing import Any, TypeVar

import psycopg
from flask import Flask
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.exc import InvalidatePoolError

from common import metrics
from common.ready import CONNECTIONS, Ready

POOL_WAIT = 1  # seconds for a free connection
CONNECT_WAIT = 2  # seconds, libpq's least
STATEMENT_LIMIT = 2500  # milliseconds, kept by the server
LOCK_LIMIT = 2000  # milliseconds, kept by the server
ANSWER_WAIT = 2.9  # seconds a silent server is waited for: with a slow connect it stays under 5
BUSY_WAIT = 3.0  # seconds for SQLite's one writer: with all other waits it stays under 5
SCHEMA_VERSION = "SELECT version_num FROM alembic_version"

T = TypeVar("T")


class SchemaNotCurrent(Exception):
    """The database is not on the migration that this code was written for."""


class BinaryCursor(psycopg.Cursor[Any]):
    """A cursor that asks for results in binary form, which are read in three quarters of the time."""

    def __init__(self, connection: psycopg.Connection[Any], **options: Any) -> None:
        super().__init__(connection, **options)
        self.format = psycopg.pq.Format.BINARY


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server that is there but says nothing (frozen, or cut off)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = BinaryCursor
        self._cursor = BinaryCursor(self)
        self._socket = select.poll()
        self._socket.register(self.fileno(), select.POLLIN)

    def is_stale(self) -> bool:
        """Tell whether the server has ended it: an idle one has nothing to say but goodbye.

        A look at the socket costs a microsecond; a ping would cost a round trip.
        """
        return self.closed or bool(self._socket.poll(0))

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """Run a statement on the one cursor that is made for this, so that there is no other to make.

        What it returns is good until the next statement.
        """
        return self._cursor.execute(query, params, **options)

    def rollback(self) -> None:
        """Roll back what is open. The pool does it whenever a connection comes back, mostly to nothing."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            super().rollback()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, ANSWER_WAIT if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.pgconn.finish()
            raise psycopg.OperationalError("the server does not answer") from error


def engine_options(url: str) -> dict[str, Any]:
    """Return what SQLAlchemy makes the engine with: the limits of every wait."""
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


def prepare_engine(app: Flask, engine: Engine) -> None:
    """Look after the connections of `engine`, and keep what runs statements in `app.extensions`."""
    transactions = engine.execution_options()
    app.extensions["transactions"] = transactions
    is_sqlite = engine.dialect.name == "sqlite"
    ready = Ready(engine, (lambda _: False) if is_sqlite else WatchedConnection.is_stale)
    app.extensions["ready"] = ready

    def leave_to_parent() -> None:
        ready.forget()
        engine.dispose(close=False)

    app.extensions.setdefault("after_fork", []).append(leave_to_parent)
    begin = "BEGIN IMMEDIATE" if is_sqlite else "BEGIN"
    event.listen(transactions, "begin", lambda connection: connection.exec_driver_sql(begin))
    if is_sqlite:
        event.listen(engine, "connect", _set_pragmas)
    else:
        event.listen(
            engine, "do_connect", lambda _, __, args, kwargs: WatchedConnection.connect(*args, **kwargs)
        )
        event.listen(engine, "checkout", _refuse_stale)
        event.listen(engine, "handle_error", partial(_leave_standby, ready))
    head = app.extensions["schema_head"]
    event.listen(engine, "connect", lambda connection, _: _require_schema(connection, head))
    in_use = metrics.pool_in_use(app.name)
    # Counting at each use would cost as much as the pool does.
    metrics.every_second.append(lambda: in_use.set(ready.at_work()))


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _refuse_stale(connection: WatchedConnection, *_: object) -> None:
    if connection.is_stale():
        raise InvalidatePoolError


def _leave_standby(ready: Ready, context: ExceptionContext) -> None:
    """Give up the connections to a server that has become read-only: the writable one is another by now."""
    if is_lost(context.original_exception):
        context.is_disconnect = True
        ready.drop()


def is_lost(error: BaseException) -> bool:
    """Tell whether a server that answers is not the one to stay with: it only reads."""
    return isinstance(error, psycopg.errors.ReadOnlySqlTransaction)


def _require_schema(connection: Any, head: str) -> None:
    try:
        cursor = connection.execute(SCHEMA_VERSION)
        current = cursor.fetchone()
    except (psycopg.errors.UndefinedTable, sqlite3.OperationalError) as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError) and "no such table" not in str(error):
            raise
        raise SchemaNotCurrent from error
    if current is None or current[0] != head:
        connection.close()
        raise SchemaNotCurrent

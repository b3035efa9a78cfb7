"""Database connections: how they are made, and how long they may wait."""

import sqlite3
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, ExceptionContext, NullPool, event

from common.db.pool import ConnectionPool

CONNECT_WAIT = 2  # seconds, libpq's least
STATEMENT_LIMIT = 2500  # milliseconds, kept by the server
LOCK_LIMIT = 2000  # milliseconds, kept by the server
ANSWER_WAIT = 2.9  # seconds for a silent server: with a slow connect it stays under 5
BUSY_WAIT = 3.0  # seconds for SQLite's one writer: with all other waits it stays under 5
SCHEMA_VERSION = "SELECT version_num FROM alembic_version"
POSTGRESQL_SETTINGS = {
    "TimeZone": "UTC",
    "statement_timeout": STATEMENT_LIMIT,
    "lock_timeout": LOCK_LIMIT,
    "idle_in_transaction_session_timeout": 10_000,  # milliseconds
}

T = TypeVar("T")


class SchemaNotCurrent(Exception):
    """The database is not on the migration that this code was written for."""


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server that is there but says nothing (frozen, or cut off)."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, ANSWER_WAIT if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.info.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()  # the server is still at work: it was this side that gave up
            raise psycopg.OperationalError("the server does not answer") from error


def engine_options(url: str) -> dict[str, Any]:
    """Return what SQLAlchemy makes the engine with: connections commit by themselves, and no wait is long."""
    if url.startswith("sqlite"):
        arguments: dict[str, Any] = {"timeout": BUSY_WAIT, "isolation_level": None}
    else:
        arguments = {
            "autocommit": True,
            "connect_timeout": CONNECT_WAIT,
            "tcp_user_timeout": STATEMENT_LIMIT,
            "options": " ".join(f"-c {name}={value}" for name, value in POSTGRESQL_SETTINGS.items()),
        }
    return {"poolclass": NullPool, "hide_parameters": True, "connect_args": arguments}


def watch_engine(engine: Engine, pool: ConnectionPool, *, schema_head: str) -> None:
    """Look after the connections of `engine`, which are in `pool`."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    else:
        event.listen(engine, "do_connect", _connect)
        event.listen(engine, "do_execute", _execute_unprepared)
        event.listen(engine, "handle_error", partial(_leave_standby, pool))
    event.listen(engine, "connect", lambda connection, _: _require_schema(connection, schema_head))


def _connect(_: object, __: object, arguments: Any, options: Any) -> ImpatientConnection:
    return ImpatientConnection.connect(*arguments, **options)


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _execute_unprepared(cursor: psycopg.Cursor[Any], statement: Any, values: Any, context: Any) -> bool:
    """Let PostgreSQL plan a statement anew each time, if its options have `prepare=False`."""
    if context is None or context.execution_options.get("prepare", True):
        return False
    cursor.execute(statement, values, prepare=False)
    return True


def _leave_standby(pool: ConnectionPool, context: ExceptionContext) -> None:
    """Give up the connections to a server that has become read-only: the writable one is another by now."""
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
        context.is_disconnect = True
        pool.clear()


def _require_schema(connection: Any, head: str) -> None:
    try:
        cursor = connection.cursor()
        cursor.execute(SCHEMA_VERSION)
        current = cursor.fetchone()
    except (psycopg.errors.UndefinedTable, sqlite3.OperationalError) as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError) and "no such table" not in str(error):
            raise
        raise SchemaNotCurrent from error
    if current is None or current[0] != head:
        connection.close()
        raise SchemaNotCurrent

"""Database connections: how they are made, and how long they may wait."""

import os
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, ExceptionContext, MetaData, NullPool, event, inspect
from sqlalchemy.exc import OperationalError, ProgrammingError

from common.db.pool import ConnectionPool

CONNECT_WAIT = 2  # seconds, libpq's least
STATEMENT_LIMIT = 2500  # milliseconds, kept by the server
LOCK_LIMIT = 2000  # milliseconds, kept by the server
ANSWER_WAIT = 2.9  # seconds for a silent server: with a slow connect it stays under 5
BUSY_WAIT = 3.0  # seconds for SQLite's one writer: with all other waits it stays under 5
POSTGRESQL_LIMITS = {
    "statement_timeout": STATEMENT_LIMIT,
    "lock_timeout": LOCK_LIMIT,
    "idle_in_transaction_session_timeout": 10_000,  # milliseconds
}
SET_LIMITS = "".join(f"; SET LOCAL {name} = {value}" for name, value in POSTGRESQL_LIMITS.items())
SQLITE_PRAGMAS = ("synchronous = FULL", "foreign_keys = ON")

T = TypeVar("T")


class SchemaNotCurrent(Exception):
    """The database is not on the migration that this code was written for."""

    def __init__(self, message: str = "the schema is not current; `db upgrade` makes it so") -> None:
        super().__init__(message)


class WrongDatabase(SchemaNotCurrent):
    """The database is not for this service, whatever its schema; the message says why."""


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
            "client_encoding": "utf8",  # whatever the database's is, or PGCLIENTENCODING
            "connect_timeout": CONNECT_WAIT,
            "tcp_user_timeout": STATEMENT_LIMIT,
        }
    return {"poolclass": NullPool, "hide_parameters": True, "connect_args": arguments}


def make_private(database: str) -> None:
    """Make the file of a SQLite database, if there is none, for its owner alone; its journals follow it.

    One that is there is not opened: closing it would drop every lock that this process has on it (fcntl), and
    another process could then take away the journal that is in use.
    """
    if not database.startswith("file:"):
        with suppress(OSError):  # it is there, or SQLite says what is wrong
            os.close(os.open(database, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o600))


def watch_engine(engine: Engine, pool: ConnectionPool, *, metadata: MetaData, schema_head: str) -> None:
    """Look after the connections of `engine`, which are in `pool`."""
    if engine.dialect.name == "postgresql":
        event.listen(engine, "do_connect", lambda _, __, ___, options: ImpatientConnection.connect(**options))
        event.listen(engine, "do_execute", _execute_unprepared)
        event.listen(engine, "handle_error", partial(_leave_standby, pool))
    else:
        event.listen(engine, "do_connect", lambda _, __, arguments, ___: make_private(arguments[0]))
    event.listen(engine, "engine_connect", partial(_prepare, metadata, schema_head))


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


def _prepare(metadata: MetaData, schema_head: str, connection: Connection) -> None:
    try:
        for pragma in SQLITE_PRAGMAS if connection.dialect.name == "sqlite" else ():
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        if connection.dialect.name == "postgresql":
            _set_limits(connection)
        check_usable(connection, metadata)
        check_schema(connection, schema_head)
        connection.rollback()  # of what SQLAlchemy calls a transaction; the driver has begun none
    except BaseException:
        connection.close()
        raise


def _set_limits(connection: Connection) -> None:
    """Let the session have the limits, or each transaction if a pooler (PgBouncer) is in between.

    A pooler may run the next transaction in another session, so nothing stays in one: no limits, and no
    prepared statements. It reports a process id of its own to the client.
    """
    driver: Any = connection.connection.driver_connection
    is_pooled = f"pg_backend_pid() <> {driver.info.backend_pid}"
    limits = [f"set_config('{name}', '{value}', {is_pooled})" for name, value in POSTGRESQL_LIMITS.items()]
    statement = f"SELECT {is_pooled}, set_config('TimeZone', 'UTC', false), {', '.join(limits)}"
    if connection.exec_driver_sql(statement).scalar_one():
        connection.info["limits"] = SET_LIMITS
        driver.prepare_threshold = None


def check_usable(connection: Connection, metadata: MetaData) -> None:
    """Raise `WrongDatabase` if the tables of `metadata` cannot be in this database."""
    name = connection.engine.url.database
    if connection.dialect.name == "postgresql":
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise WrongDatabase(f"the database {name} has the encoding {encoding}, and must have UTF8")
    tables = set(inspect(connection).get_table_names())
    if {"alembic_version"} < tables and next(iter(metadata.tables)) not in tables:  # the first that is made
        raise WrongDatabase(f"the database {name} is another service's; each needs a database of its own")


def check_schema(connection: Connection, head: str) -> None:
    """Raise `SchemaNotCurrent` unless the database is on the migration `head`."""
    try:
        current = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except (ProgrammingError, OperationalError) as error:
        if isinstance(error.orig, psycopg.errors.UndefinedTable) or "no such table" in str(error.orig):
            raise SchemaNotCurrent from error
        raise
    if current != head:
        raise SchemaNotCurrent

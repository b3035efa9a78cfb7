"""Database connections: how they are made, how long they may wait, and when one is no longer good."""

import select
import sqlite3
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

import psycopg
from prometheus_client import Gauge
from psycopg.abc import PQGen
from psycopg.pq import Format, TransactionStatus
from sqlalchemy import Connection, Engine, ExceptionContext, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import QueuePool

from common.ops.forks import after_fork

CONNECTIONS = 10  # a worker, in all
KEPT = 2  # of them, outside the pool between two uses
POOL_WAIT = 1  # seconds for a free connection
CONNECT_WAIT = 2  # seconds, libpq's least
STATEMENT_LIMIT = 2500  # milliseconds, kept by the server
LOCK_LIMIT = 2000  # milliseconds, kept by the server
ANSWER_WAIT = 2.9  # seconds for a silent server: with a slow connect it stays under 5
BUSY_WAIT = 3.0  # seconds for SQLite's one writer: with all other waits it stays under 5
SCHEMA_VERSION = "SELECT version_num FROM alembic_version"

T = TypeVar("T")


class SchemaNotCurrent(Exception):
    """The database is not on the migration that this code was written for."""


class ReusableCursor(psycopg.Cursor[Any]):
    """A cursor with results in binary form, which its connection uses again: a new one costs 18 µs."""

    def __init__(self, connection: "WatchedConnection", **options: Any) -> None:
        super().__init__(connection, **options)
        self.format = Format.BINARY
        self._home = connection.idle_cursors

    @property
    def description(self) -> Any:
        """Return what SQLAlchemy reads of each column (PEP 249): its name and its type."""
        result = self.pgresult
        if result is None or not result.nfields:
            return None
        columns = range(result.nfields)
        return [((result.fname(at) or b"").decode(), result.ftype(at), *[None] * 5) for at in columns]

    def close(self) -> None:
        """Keep the cursor for the next statement."""
        if self not in self._home:
            self._home.append(self)


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server that is there but says nothing (frozen, or cut off)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = ReusableCursor
        self.idle_cursors: list[ReusableCursor] = []
        self._watch = select.poll()
        self._watch.register(self.fileno(), select.POLLIN)

    def cursor(self, *args: Any, **options: Any) -> Any:
        is_plain = not (args or options)
        return self.idle_cursors.pop() if is_plain and self.idle_cursors else super().cursor(*args, **options)

    def is_stale(self) -> bool:
        """Return whether the server has ended it: an idle one has nothing to say but goodbye.

        A look at the socket costs a microsecond; a ping would cost a round trip.
        """
        return self.closed or bool(self._watch.poll(0))

    def rollback(self) -> None:
        """Roll back what is open. The pool does it whenever a connection comes back, mostly to nothing."""
        if self.info.transaction_status != TransactionStatus.IDLE:
            super().rollback()

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, ANSWER_WAIT if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.info.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()  # the server is still at work: it was this side that gave up
            raise psycopg.OperationalError("the server does not answer") from error


class IdleConnections:
    """Connections for single statements, of which `KEPT` stay out of the pool: it costs 100 µs a use."""

    def __init__(self, engine: Engine, in_use: Gauge) -> None:
        self._engine = engine
        self._in_use = in_use
        self._kept: list[Connection] = []
        event.listen(engine, "engine_disposed", lambda _: self.clear())
        after_fork(self.leave_to_parent)

    def acquire(self) -> Connection:
        """Return a connection in autocommit mode; the one that was used last, if it is still good."""
        connection = self._take_kept() or self._engine.connect()
        self._in_use.inc()
        return connection

    def _take_kept(self) -> Connection | None:
        with suppress(IndexError):
            while True:
                connection = self._kept.pop()
                driver = connection.connection.driver_connection
                if not (isinstance(driver, WatchedConnection) and driver.is_stale()):
                    return connection
                connection.invalidate()
                connection.close()
        return None

    def release(self, connection: Connection, *, is_good: bool = True) -> None:
        """Take back what `acquire` returned; one that may be in a transaction is reset by the pool."""
        self._in_use.dec()
        is_awaited = cast(QueuePool, self._engine.pool).checkedout() >= CONNECTIONS  # only the pool wakes up
        if is_good and not connection.invalidated and not is_awaited and len(self._kept) < KEPT:
            self._kept.append(connection)
        else:
            connection.close()

    def clear(self) -> None:
        """Close what is kept."""
        with suppress(IndexError):  # another thread may take the last one
            while True:
                connection = self._kept.pop()
                connection.invalidate()
                connection.close()

    def leave_to_parent(self) -> None:
        """Forget the connections of the process that this one was forked from."""
        self._kept.clear()
        self._engine.dispose(close=False)


def engine_options(url: str) -> dict[str, Any]:
    """Return what SQLAlchemy makes the engine with: the limits of every wait."""
    options: dict[str, Any] = {
        "pool_size": CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": POOL_WAIT,
        "pool_use_lifo": True,
        "hide_parameters": True,
        "skip_autocommit_rollback": False,  # the driver commits by itself, but for transactions
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


def watch_engine(engine: Engine, idle: IdleConnections, *, schema_head: str) -> None:
    """Look after the connections of `engine`, of which some are `idle`."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    else:
        event.listen(
            engine, "do_connect", lambda _, __, args, kwargs: WatchedConnection.connect(*args, **kwargs)
        )
        event.listen(engine, "checkout", _refuse_stale)
        event.listen(engine, "do_execute", _execute_unprepared)
        event.listen(engine, "handle_error", partial(_leave_standby, idle))
    event.listen(engine, "connect", lambda connection, _: _require_schema(connection, schema_head))


def _set_pragmas(connection: sqlite3.Connection, _: object) -> None:
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _refuse_stale(connection: WatchedConnection, *_: object) -> None:
    if connection.is_stale():
        raise InvalidatePoolError


def _execute_unprepared(cursor: ReusableCursor, statement: Any, values: Any, context: Any) -> bool:
    """Let PostgreSQL plan a statement anew each time, if its options have `prepare=False`."""
    if context is None or context.execution_options.get("prepare", True):
        return False
    cursor.execute(statement, values, prepare=False)
    return True


def _leave_standby(idle: IdleConnections, context: ExceptionContext) -> None:
    """Give up the connections to a server that has become read-only: the writable one is another by now."""
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
        context.is_disconnect = True
        idle.clear()


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

"""A pool of connections in autocommit mode, a quarter as costly as SQLAlchemy's, and transactions on them."""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue

import psycopg
from prometheus_client import Gauge
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

POOL_WAIT = 1  # seconds for a free connection

Slots = LifoQueue[Connection | None]  # None: a connection that has yet to be made

_in_use = Gauge(
    "database_pool_connections", "Database connections in use.", ["database"], multiprocess_mode="livesum"
)
pool_size = Gauge(
    "database_pool_size",
    "Database connections that all workers together may have.",
    ["database"],
    multiprocess_mode="max",
)


class ConnectionPool:
    """At most `size` connections of `engine`, each for one thread at a time."""

    def __init__(self, engine: Engine, name: str, size: int) -> None:
        self._engine = engine
        self._size = size
        self._in_use = _in_use.labels(name)
        self._of_parents: list[Slots] = []  # nobody closes what is in them under the parent
        self._empty()
        event.listen(engine, "engine_disposed", lambda _: self.clear())
        os.register_at_fork(after_in_child=self._empty)

    def _empty(self) -> None:
        self._slots: Slots = LifoQueue()
        self._of_parents.append(self._slots)
        for _ in range(self._size):
            self._slots.put(None)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend the connection that was used last for the block, or raise `PoolTimeout` if none is free."""
        slots = self._slots  # others in a process that is forked in the block
        connection = self._take_from(slots)
        try:
            yield connection
        except BaseException:
            roll_back(connection)
            raise
        finally:
            self._in_use.dec()
            slots.put(connection)

    def _take_from(self, slots: Slots) -> Connection:
        try:
            idle = slots.get(timeout=POOL_WAIT)
        except Empty as error:
            raise PoolTimeout("no connection came free in time") from error
        try:
            if idle and is_stale(idle):
                discard(idle)
                self.clear()  # the others are hardly better
                idle = None
            connection = idle or self._engine.connect()
        except BaseException:
            slots.put(None)
            raise
        self._in_use.inc()
        return connection

    def clear(self) -> None:
        """Close the connections that are not in use."""
        idle = []
        with suppress(Empty):
            while True:
                idle.append(self._slots.get_nowait())
        for connection in idle:
            if connection:
                discard(connection)
            self._slots.put(None)


def roll_back(connection: Connection) -> None:
    """End the transaction that a failed block may have left, or else the connection."""
    try:
        connection.rollback()
    except DBAPIError:
        connection.invalidate()


def discard(connection: Connection) -> None:
    """Close a connection that is not in use, without a word to the server."""
    connection.invalidate()
    connection.close()


def is_stale(connection: Connection) -> bool:
    """Return whether an idle connection, on which a server has nothing to say, was ended by either side.

    A look at the socket costs a microsecond; a ping would cost a round trip.
    """
    driver = None if connection.invalidated else connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        return connection.invalidated
    if driver.closed:
        return True
    socket = select.poll()
    socket.register(driver.fileno(), select.POLLIN)
    return bool(socket.poll(0))


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Commit what the block does on `connection`, or roll it back if the block raises."""
    begin = "BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN"
    connection.exec_driver_sql(begin + connection.info.get("limits", ""))
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    try:
        connection.commit()
    except BaseException:
        connection.invalidate()  # the driver may still be in the transaction, which SQLAlchemy has forgotten
        raise

"""A pool of connections in autocommit mode; a use of it costs a tenth of one of SQLAlchemy's."""

import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore

import psycopg
from prometheus_client import Gauge
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common.ops.forks import after_fork

CONNECTIONS = 10  # a worker
POOL_WAIT = 1  # seconds for a free connection


class ConnectionPool:
    """At most `CONNECTIONS` of `engine`, each for one thread at a time."""

    def __init__(self, engine: Engine, in_use: Gauge) -> None:
        self._engine = engine
        self._in_use = in_use
        self._free = BoundedSemaphore(CONNECTIONS)
        self._idle: list[Connection] = []
        self._of_parent: list[Connection] = []
        event.listen(engine, "engine_disposed", lambda _: self.clear())
        after_fork(self._leave_to_parent)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend the connection that was used last for the block, or raise `PoolTimeout` if none is free."""
        connection = self._acquire()
        is_good = False
        try:
            yield connection
            is_good = True
        finally:
            self._release(connection, is_good=is_good)

    def _acquire(self) -> Connection:
        if not self._free.acquire(timeout=POOL_WAIT):
            raise PoolTimeout("no connection came free in time")
        try:
            connection = self._take_idle() or self._engine.connect()
        except BaseException:
            self._free.release()
            raise
        self._in_use.inc()
        return connection

    def _release(self, connection: Connection, *, is_good: bool) -> None:
        try:
            self._take_back(connection, is_good=is_good)
        finally:
            self._in_use.dec()
            self._free.release()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took the last one
                break
            if not is_stale(connection):
                return connection
            discard(connection)
        return None

    def _take_back(self, connection: Connection, *, is_good: bool) -> None:
        """Keep the connection, without the transaction that a failed block may have left, or close it."""
        if (is_good or _roll_back(connection)) and not connection.invalidated:
            self._idle.append(connection)
        else:
            connection.close()

    def clear(self) -> None:
        """Close the connections that are not in use."""
        with suppress(IndexError):  # another thread may take the last one
            while True:
                discard(self._idle.pop())

    def _leave_to_parent(self) -> None:
        """Begin anew in a forked process; what is kept here unused, nobody closes under the parent."""
        self._of_parent += self._idle
        self._idle = []
        self._free = BoundedSemaphore(CONNECTIONS)


def _roll_back(connection: Connection) -> bool:
    try:
        connection.rollback()
    except DBAPIError:
        return False
    return True


def discard(connection: Connection) -> None:
    """Close a connection that is not in use, without a word to the server."""
    connection.invalidate()
    connection.close()


def is_stale(connection: Connection) -> bool:
    """Return whether the server has ended an idle connection, which else has nothing to say.

    A look at the socket costs a microsecond; a ping would cost a round trip.
    """
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        return False
    if driver.closed:
        return True
    socket = select.poll()
    socket.register(driver.fileno(), select.POLLIN)
    return bool(socket.poll(0))

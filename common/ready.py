"""Owns connections that are ready for the next statement: two of a worker's stay out of SQLAlchemy's pool.

To take one from the pool and give it back costs a request a tenth of its time (docs/design.md).
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Engine, event
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from common.connections import CONNECTIONS as CONNECTIONS

KEPT = 2  # of them, at most: as many requests are at work at once, as long as they are quick

IsStale = Callable[[Any], bool]  # of a driver's connection


class Ready:
    """Connections in their driver's autocommit mode, with nothing under way."""

    def __init__(self, engine: Engine, is_stale: IsStale) -> None:
        self.dialect = engine.dialect
        self._engine = engine
        self._is_stale = is_stale
        self._kept: list[PoolProxiedConnection] = []
        event.listen(engine, "engine_disposed", lambda _: self.drop())

    def take(self) -> PoolProxiedConnection:
        """Return a connection, to be given back; the one that was used last, if it is still good."""
        try:
            connection = self._kept.pop()
        except IndexError:
            return self._engine.raw_connection()
        if self._is_stale(connection.driver_connection):
            connection.invalidate()
            return self._engine.raw_connection()
        return connection

    def give(self, connection: PoolProxiedConnection) -> None:
        """Take back what `take` returned, good or broken. Who waits for one is woken up by the pool alone."""
        if connection.is_valid and len(self._kept) < KEPT and self._in_use() < CONNECTIONS:
            self._kept.append(connection)
        else:
            connection.close()

    def forget(self) -> None:
        """Leave the connections to the process that made them; after a fork."""
        self._kept.clear()

    def drop(self) -> None:
        """Close what is kept: it is not the database any more."""
        with suppress(IndexError):  # another thread may take the last one
            while True:
                self._kept.pop().invalidate()

    def count(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def at_work(self) -> int:
        """Return how many run something, about: nothing is locked to count them."""
        return max(0, self._in_use() - len(self._kept))

    def _in_use(self) -> int:
        return cast(QueuePool, self._engine.pool).checkedout()  # another pool after a fork

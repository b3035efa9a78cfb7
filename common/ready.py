"""Owns connections that are ready for the next statement: two of a worker's stay out of SQLAlchemy's pool.

To take one from the pool and give it back costs a request a tenth of its time (docs/design.md).
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import PoolProxiedConnection

KEPT = 2  # at most, a worker: as many requests are at work at once, as long as they are quick

IsStale = Callable[[Any], bool]  # of a driver's connection


class Ready:
    """Connections in their driver's autocommit mode, with nothing under way."""

    def __init__(self, engine: Engine, is_stale: IsStale) -> None:
        self.dialect = engine.dialect
        self._engine = engine
        self._is_stale = is_stale
        self._kept: list[PoolProxiedConnection] = []
        event.listen(engine, "engine_disposed", self._drop)

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
        """Take back what `take` returned, good or broken."""
        if connection.is_valid and len(self._kept) < KEPT:
            self._kept.append(connection)
        else:
            connection.close()

    def forget(self) -> None:
        """Leave the connections to the process that made them; after a fork."""
        self._kept.clear()

    def _drop(self, _: Engine) -> None:
        while self._kept:
            self._kept.pop().invalidate()

    def count(self) -> int:
        """Return how many wait to be used."""
        return len(self._kept)

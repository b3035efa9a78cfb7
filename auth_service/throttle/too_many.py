"""The refusal of every limit, 429, and the locks under which a limit is checked."""

import math
from datetime import timedelta
from typing import Any, Never

import structlog
from prometheus_client import Counter
from sqlalchemy import ColumnElement, Connection, Select, bindparam, func

from common.errors import DomainError

HOUR = timedelta(hours=1)
CLOCK_SKEW = timedelta(seconds=1)  # what is later than that was written before the clock was set back

_refusals = Counter(
    "limit_refusals_total", "Requests refused with 429, by the limit that was reached.", ["limit"]
)
for _limit in ("pair", "name", "repeats", "network", "registrations"):
    _refusals.labels(_limit)  # from 0, or Prometheus sees no increase when the first are many

log = structlog.get_logger()


class TooMany(DomainError):
    """A limit is reached; `limit` is its name in log and metrics, `wait` the time until the next attempt."""

    status = 429

    def __init__(self, *, limit: str, wait: timedelta) -> None:
        super().__init__(limit)
        self.limit = limit
        self.retry_after = max(1, math.ceil(wait.total_seconds()))  # seconds
        self.headers = {"Retry-After": str(self.retry_after)}


def refuse(error: TooMany) -> Never:
    """Log and count the refusal, and raise it."""
    _refusals.labels(error.limit).inc()
    log.warning("too_many", limit=error.limit, retry_after=error.retry_after)
    raise error


def advisory_lock(parameter: str) -> ColumnElement[Any]:
    """Return the lock whose name `lock` gives as this parameter."""
    return func.pg_advisory_xact_lock(func.hashtextextended(bindparam(parameter), 0))


def lock(connection: Connection, locks: Select[*tuple[Any, ...]], **names: str) -> None:
    """Keep out others who lock one of the same names, until the transaction ends.

    SQLite has one writer, and a transaction of `db.write()` is that from its beginning.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(locks, names)

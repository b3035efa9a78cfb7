"""The refusal of every limit, 429, and the locks under which a limit is checked."""

import math
from datetime import timedelta
from typing import Never

import structlog
from prometheus_client import Counter
from sqlalchemy import Connection, bindparam, func, select

from common.errors import DomainError

HOUR = timedelta(hours=1)
CLOCK_SKEW = timedelta(seconds=1)  # what is later than that was written before the clock was set back

LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))

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


def lock(connection: Connection, *names: str) -> None:
    """Keep out others who lock one of the same names, until the transaction ends.

    SQLite has one writer, and a transaction of `db.write()` is that from its beginning.
    """
    if connection.dialect.name == "postgresql":
        for name in names:
            connection.execute(LOCK, {"name": name})

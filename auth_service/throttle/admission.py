"""Owns how often passwords may be tried: for a name from a network, for a name, and from a network.

A try is admitted before anything is compared, in a short transaction of its own, and counts as under way
until it is said what became of it. So the rules hold over all workers and replicas, and after a restart. They
are the same for a name that nobody has: a name is known here by its digest alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, true
from sqlalchemy.exc import SQLAlchemyError

from auth_service.models import db
from auth_service.throttle import attempts as tries
from auth_service.throttle.attempts import Counts
from auth_service.throttle.limits import HOUR, TooMany, advisory_lock, lock

MESSAGE = "too many attempts"
FREE_FAILURES = 5  # failures in a row; the last of them starts the first wait, which each further one doubles
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=15)
AT_ONCE = 10  # tries under way
MAX_PER_NAME = 100  # failures an hour, not counting those from networks that are known for it
MAX_PER_NETWORK = 300  # failures an hour
RETRY_SOON = timedelta(seconds=1)  # until tries that are under way have ended

# Always the name first: whoever has the network waits for nobody, so two never wait for each other. What has
# to outlive a crash of the database server is the failure, and not that it was under way: an admission is
# committed without waiting for the disk, so that the others wait less.
LOCK = select(
    func.set_config("synchronous_commit", "off", true()), advisory_lock("name"), advisory_lock("network")
)


@dataclass(slots=True)
class Attempt:
    """A try that was admitted. What is said of it joins the transaction of `connection`."""

    id: int
    name_key: bytes
    network: str
    has_failed: bool = False
    has_succeeded: bool = False

    def failed(self, connection: Connection, *, now: datetime) -> None:
        """Count the try as a failure."""
        self.has_failed = True
        connection.execute(tries.MARK_FAILED, {"try_id": self.id, "now": now})

    def succeeded(self, connection: Connection, *, now: datetime) -> None:
        """Forget the failures of the name from the network, which is known from now on."""
        self.has_succeeded = True
        pair = {"name_key": self.name_key, "network": self.network}
        abandoned = {"abandoned_before": now - tries.ABANDONED_AFTER}
        connection.execute(tries.CLEAR, {"try_id": self.id, **pair, **abandoned})
        tries.know_network(connection, self.name_key, self.network, now=now)


@contextmanager
def attempt(name: str, network: str, *, now: datetime) -> Iterator[Attempt]:
    """Let a password of this name be compared in the block, or raise `TooMany`.

    A try of which nothing was said by the end of the block (no core came free, or an error) is given back: an
    overloaded service locks nobody out. Where the database failed that would only wait for it once more, and
    the try counts as abandoned. At its end the block holds no connection.
    """
    name_key = tries.key_of(name)
    admitted = Attempt(_admit(name_key, network, now), name_key, network)
    try:
        yield admitted
    except SQLAlchemyError:
        raise
    except BaseException:
        if not admitted.has_failed:
            _give_back(admitted)
        raise
    if not (admitted.has_failed or admitted.has_succeeded):
        _give_back(admitted)


def refusal(counts: Counts, *, now: datetime) -> TooMany | None:
    """Return why no try may be made now, by the limit that lasts longest, or None if one may."""
    waits = {
        "pair": _pair_wait(counts, now),
        "name": None if counts.is_known else _name_wait(counts, now),
        "network": _hour_wait(counts.network_tries, MAX_PER_NETWORK, counts.network_oldest, now),
    }
    refused = [(wait, limit) for limit, wait in waits.items() if wait is not None]
    if not refused:
        return None
    wait, limit = max(refused)
    return TooMany(MESSAGE, limit=limit, wait=wait)


def _pair_wait(counts: Counts, now: datetime) -> timedelta | None:
    if counts.failures < FREE_FAILURES or counts.last_failure is None:
        return RETRY_SOON if counts.failures + counts.under_way >= AT_ONCE else None
    doubled: timedelta = FIRST_WAIT * 2 ** min(counts.failures - FREE_FAILURES, 10)
    left = counts.last_failure + min(doubled, LONGEST_WAIT) - now
    if left > timedelta(0):
        return left
    return RETRY_SOON if counts.under_way else None


def _name_wait(counts: Counts, now: datetime) -> timedelta | None:
    wait = _hour_wait(counts.name_tries, MAX_PER_NAME, counts.name_oldest, now)
    return RETRY_SOON if wait is None and counts.name_under_way >= AT_ONCE else wait


def _hour_wait(count: int, limit: int, oldest: datetime | None, now: datetime) -> timedelta | None:
    return None if count < limit or oldest is None else oldest + HOUR - now


def _admit(name_key: bytes, network: str, now: datetime) -> int:
    """Return the id of a new try that is under way, or raise `TooMany`."""
    with db.read() as connection:  # without a transaction: refusing many costs little
        _refuse(tries.count(connection, name_key, network, now=now), now)
    with db.write() as connection:
        lock(connection, LOCK, name=f"tries of {name_key.hex()}", network=f"tries from {network}")
        _refuse(tries.count(connection, name_key, network, now=now), now)
        return tries.add(connection, name_key, network, now=now)


def _refuse(counts: Counts, now: datetime) -> None:
    if refused := refusal(counts, now=now):
        raise refused


def _give_back(admitted: Attempt) -> None:
    with db.write() as connection:
        connection.execute(tries.DELETE, {"try_id": admitted.id})

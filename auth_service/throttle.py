"""Owns how often passwords may be tried: for a name from a network, for a name, and from a network.

A try is admitted before anything is compared, in a short transaction of its own, and counts as under way
until it is said what became of it. So the rules hold over all workers and replicas, and after a restart. They
are the same for a name that nobody has: a name is known here by its digest alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_service import tries
from auth_service.limits import HOUR, TooMany, lock
from auth_service.models import db
from auth_service.tries import Counts

MESSAGE = "too many attempts"
FREE = 5  # failures in a row; the last of them starts the first wait, which each further one doubles
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=15)
AT_ONCE = 10  # tries under way
OF_A_NAME = 100  # failures an hour, not counting those from networks that are known for it
OF_A_NETWORK = 300  # failures an hour
SOON = timedelta(seconds=1)  # until tries that are under way have ended


@dataclass(slots=True)
class Attempt:
    """A try that was admitted. What is said of it joins the transaction, which the caller commits."""

    id: int
    name_key: bytes
    network: str
    has_failed: bool = False
    has_succeeded: bool = False

    def failed(self, *, now: datetime) -> None:
        """Count the try as a failure."""
        self.has_failed = True
        tries.mark_failed(self.id, now=now)

    def succeeded(self, *, now: datetime) -> None:
        """Forget the failures of the name from the network, which is known from now on."""
        self.has_succeeded = True
        tries.clear(self.id, self.name_key, self.network, now=now)
        tries.know_network(self.name_key, self.network, now=now)


@contextmanager
def attempt(name: str, network: str, *, now: datetime) -> Iterator[Attempt]:
    """Let a password of this name be compared in the block, or raise `TooMany`.

    Commit within the block. A try of which nothing was said by its end (no core came free, or an error) is
    given back: an overloaded service locks nobody out.
    """
    name_key = tries.key_of(name)
    admitted = Attempt(_admit(name_key, network, now), name_key, network)
    try:
        yield admitted
    except BaseException:
        if not admitted.has_failed:
            _give_back(admitted)
        raise
    if not (admitted.has_failed or admitted.has_succeeded):
        _give_back(admitted)


def know_network(name: str, network: str, *, now: datetime) -> None:
    """Note in the transaction that the user of this name came in from the network."""
    tries.know_network(tries.key_of(name), network, now=now)


def forget_networks(name: str) -> None:
    """Forget in the transaction where the user of this name came from: the name may be another's one day."""
    tries.forget_networks(tries.key_of(name))


def refusal(counts: Counts, *, now: datetime) -> TooMany | None:
    """Return why no try may be made now, by the limit that lasts longest, or None if one may."""
    waits = {
        "pair": _pair_wait(counts, now),
        "name": None if counts.is_known else _name_wait(counts, now),
        "network": _hour_wait(counts.network_tries, OF_A_NETWORK, counts.network_oldest, now),
    }
    refused = [(wait, limit) for limit, wait in waits.items() if wait is not None]
    if not refused:
        return None
    wait, limit = max(refused)
    return TooMany(MESSAGE, limit=limit, wait=wait)


def _pair_wait(counts: Counts, now: datetime) -> timedelta | None:
    if counts.failures < FREE or counts.last_failure is None:
        return SOON if counts.failures + counts.under_way >= AT_ONCE else None
    doubled: timedelta = FIRST_WAIT * 2 ** min(counts.failures - FREE, 10)
    left = counts.last_failure + min(doubled, LONGEST_WAIT) - now
    if left > timedelta(0):
        return left
    return SOON if counts.under_way else None


def _name_wait(counts: Counts, now: datetime) -> timedelta | None:
    wait = _hour_wait(counts.name_tries, OF_A_NAME, counts.name_oldest, now)
    return SOON if wait is None and counts.name_under_way >= AT_ONCE else wait


def _hour_wait(count: int, limit: int, oldest: datetime | None, now: datetime) -> timedelta | None:
    return None if count < limit or oldest is None else oldest + HOUR - now


def _admit(name_key: bytes, network: str, now: datetime) -> int:
    """Return the id of a new try that is under way, or raise `TooMany`."""
    with db.read() as connection:  # without a transaction: refusing many costs little
        _refuse(tries.count(connection, name_key, network, now=now), now)
    # Always the name first: whoever has the network waits for nobody, so two never wait for each other. What
    # has to outlive a crash of the database server is the failure, and not that it was under way.
    lock(f"tries of {name_key.hex()}", f"tries from {network}", is_durable=False)
    _refuse(tries.count(db.session, name_key, network, now=now), now)
    try_id = tries.add(name_key, network, now=now)
    db.session.commit()
    return try_id


def _refuse(counts: Counts, now: datetime) -> None:
    if refused := refusal(counts, now=now):
        db.session.rollback()
        raise refused


def _give_back(admitted: Attempt) -> None:
    db.session.rollback()
    tries.remove(admitted.id)
    db.session.commit()

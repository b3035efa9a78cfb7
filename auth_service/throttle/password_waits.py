"""The waits after wrong passwords: of a name from a network, of a name, and of a network.

An attempt is admitted before anything is compared, in a short transaction of its own, and is under way until
its result is recorded. So the rules hold over all workers and replicas, and after a restart. They are the
same for an unknown name: the throttle knows names by their digests alone.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, true
from sqlalchemy.exc import SQLAlchemyError

from auth_service import names
from auth_service.models import db
from auth_service.throttle import attempts
from auth_service.throttle.attempts import Counts
from auth_service.throttle.too_many import HOUR, TooMany, advisory_lock, lock, refuse

FREE_FAILURES = 5  # failures in a row; the last of them starts the first wait, which each further one doubles
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=15)
MAX_UNDER_WAY = 10  # attempts
MAX_PER_NAME = 100  # failures an hour, not counting those from networks that are known for it
MAX_PER_NETWORK = 300  # failures an hour
RETRY_SOON = timedelta(seconds=1)  # until attempts that are under way have ended

# Only a failure has to outlive a crash of the database server, not an attempt that was under way: its
# admission is committed without waiting for the disk, so that the others wait less.
NO_SYNC = func.set_config("synchronous_commit", "off", true())
# Always the name first: who holds the network waits for nobody, so there is no deadlock.
LOCK = select(NO_SYNC, advisory_lock("name"), advisory_lock("network"))


class TooManyAttempts(TooMany):
    """No password may be compared now."""

    code = "too-many-attempts"
    message = "too many attempts"


@dataclass(slots=True)
class Attempt:
    """An attempt that was admitted. Its result joins the transaction of `connection`."""

    id: int
    name_key: bytes
    network: str
    has_failed: bool = False
    has_succeeded: bool = False

    def failed(self, connection: Connection, *, now: datetime) -> None:
        """Count the attempt as a failure."""
        self.has_failed = True
        connection.execute(attempts.MARK_FAILED, {"attempt_id": self.id, "now": now})

    def succeeded(self, connection: Connection, *, now: datetime) -> None:
        """Forget the failures of the name from the network, which is known from now on."""
        self.has_succeeded = True
        pair = {"name_key": self.name_key, "network": self.network}
        before = {"abandoned_before": now - attempts.ABANDONED_AFTER}
        connection.execute(attempts.CLEAR, {"attempt_id": self.id, **pair, **before})
        know_network(connection, self.name_key, self.network, now=now)


def key_of(name: str) -> bytes:
    """Return the digest that stands for a name, in any case; an invalid name has one too."""
    folded = names.fold_typed(name, otherwise=f"\0{name}")  # no name begins like this
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).digest()


def know_network(connection: Connection, name_key: bytes, network: str, *, now: datetime) -> None:
    """Record that the user of this name logged in from the network."""
    connection.execute(attempts.KNOW, {"name_key": name_key, "network": network, "last_login_at": now})
    connection.execute(attempts.DELETE_OLD_NETWORKS, {"before": now - attempts.KNOWN_FOR})


@contextmanager
def attempt(name: str, network: str, *, now: datetime) -> Iterator[Attempt]:
    """Admit the comparison of a password of this name in the block, or raise `TooManyAttempts`.

    An attempt without a result at the end of the block (no core came free, or an error) counts as nothing: an
    overloaded service locks nobody out. If the database failed, deleting it would only wait for the database
    once more, and it counts as abandoned. At its end the block holds no connection.
    """
    name_key = key_of(name)
    admitted = Attempt(_admit(name_key, network, now), name_key, network)
    try:
        yield admitted
    except SQLAlchemyError:
        raise
    except BaseException:
        if not admitted.has_failed:
            _discard(admitted)
        raise
    if not (admitted.has_failed or admitted.has_succeeded):
        _discard(admitted)


def refusal(counts: Counts, *, now: datetime) -> TooManyAttempts | None:
    """Return why no attempt may be made now, by the limit that lasts longest, or None if one may."""
    waits = {
        "pair": _pair_wait(counts, now),
        "name": None if counts.is_known else _name_wait(counts, now),
        "network": _hour_wait(counts.network_attempts, MAX_PER_NETWORK, counts.network_oldest, now),
    }
    refused = [(wait, limit) for limit, wait in waits.items() if wait is not None]
    if not refused:
        return None
    wait, limit = max(refused)
    return TooManyAttempts(limit=limit, wait=wait)


def _pair_wait(counts: Counts, now: datetime) -> timedelta | None:
    if counts.failures < FREE_FAILURES or counts.last_failure is None:
        return RETRY_SOON if counts.failures + counts.under_way >= MAX_UNDER_WAY else None
    doubled: timedelta = FIRST_WAIT * 2 ** min(counts.failures - FREE_FAILURES, 10)
    left = counts.last_failure + min(doubled, LONGEST_WAIT) - now
    if left > timedelta(0):
        return left
    return RETRY_SOON if counts.under_way else None


def _name_wait(counts: Counts, now: datetime) -> timedelta | None:
    wait = _hour_wait(counts.name_attempts, MAX_PER_NAME, counts.name_oldest, now)
    return RETRY_SOON if wait is None and counts.name_under_way >= MAX_UNDER_WAY else wait


def _hour_wait(count: int, limit: int, oldest: datetime | None, now: datetime) -> timedelta | None:
    return None if count < limit or oldest is None else oldest + HOUR - now


def _admit(name_key: bytes, network: str, now: datetime) -> int:
    """Return the id of a new attempt that is under way, or raise `TooManyAttempts`."""
    row = {"name_key": name_key, "network": network, "at": now, "failed": False}
    with db.read() as connection:  # without a transaction: refusing many costs little
        _require_no_wait(connection, name_key, network, now)
    with db.write() as connection:
        lock(connection, LOCK, name=f"attempts of {name_key.hex()}", network=f"attempts from {network}")
        _require_no_wait(connection, name_key, network, now)
        connection.execute(attempts.DELETE_OLD, {"before": now - attempts.IN_A_ROW})
        return connection.execute(attempts.INSERT, row).scalar_one()


def _require_no_wait(connection: Connection, name_key: bytes, network: str, now: datetime) -> None:
    parameters = {
        "name_key": name_key,
        "network": network,
        "abandoned_before": now - attempts.ABANDONED_AFTER,
        "hour_ago": now - HOUR,
        "day_ago": now - attempts.IN_A_ROW,
        "month_ago": now - attempts.KNOWN_FOR,
    }
    counts = Counts(**connection.execute(attempts.COUNT, parameters).mappings().one())
    if refused := refusal(counts, now=now):
        refuse(refused)


def _discard(admitted: Attempt) -> None:
    with db.write() as connection:
        connection.execute(attempts.DELETE, {"attempt_id": admitted.id})

"""The waits after wrong passwords: of a name from a network, of a name, and of a network.

An attempt is admitted before anything is compared, in a short transaction of its own, and is under way until
its result is recorded. So the rules hold over all workers and replicas, and after a restart. They are the
same for an unknown name: the throttle knows names by their digests alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from auth_service.models import db
from auth_service.throttle import attempts
from auth_service.throttle.attempts import SAME_PASSWORD, Counts, Pair
from auth_service.throttle.too_many import CLOCK_SKEW, HOUR, TooMany, lock, refuse
from common.ops.limits import ConcurrencyLimit

FREE_FAILURES = 5  # failures in a row; the last of them starts the first wait, which each further one doubles
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=15)
MAX_UNDER_WAY = 10  # attempts
MAX_PER_NAME = 100  # failures an hour, not counting those from networks that are known for it
MAX_PER_NETWORK = 300  # failures an hour
KNOWN_EVERY = timedelta(seconds=10)  # past it, for a name that is known from the network
MAX_REPEATS = 100  # of one wrong password, while they count as nothing
RETRY_SOON = timedelta(seconds=1)  # until attempts that are under way have ended
NO_WAIT = timedelta(0)

# Each worker compares one password at a time from networks past their limit: the other cores are for others.
FULL_NETWORKS = ConcurrencyLimit(1, waiting=3, wait=5)


class TooManyAttempts(TooMany):
    code = "too-many-attempts"
    message = "too many attempts"


@dataclass(slots=True, kw_only=True)
class Attempt:
    """An attempt that was admitted. Its result joins the transaction of `connection`."""

    id: int
    pair: Pair
    counted_as: Pair
    full: TooManyAttempts | None  # the network is past its limit, and this is the answer to a wrong password
    may_compare: bool
    has_failed: bool = False
    has_succeeded: bool = False

    def failed(self, connection: Connection, *, now: datetime) -> bool:
        """Record a wrong password; return whether it counts for the audit log: once in 15 minutes.

        In a full network nothing is written there, and every name takes the same statements.
        """
        self.has_failed = True
        digests = self.counted_as.digests
        lock(connection, self.pair.name_lock)
        is_repeat = connection.execute(attempts.REPEAT, _lately(now) | {"digests": digests}).first()
        if is_repeat or not self.may_compare:
            connection.execute(attempts.DELETE, {"attempt_id": self.id})
            return False
        failure = {"attempt_id": self.id, "now": now, "wrong_password": digests[0]}
        connection.execute(attempts.MARK_FAILED, failure)
        return not self.full

    def succeeded(self, connection: Connection, *, now: datetime) -> None:
        """Forget the failures of the name from the network, which is known from now on."""
        self.has_succeeded = True
        before = {"abandoned_before": now - attempts.ABANDONED_AFTER}
        for each in [self.pair, self.counted_as] if self.full else [self.pair]:
            pair = {"name_key": each.name_key, "network": each.network}
            connection.execute(attempts.CLEAR, {"attempt_id": self.id, **pair, **before})
        know_network(connection, self.pair.name_key, self.pair.network, now=now)


def know_network(connection: Connection, name_key: bytes, network: str, *, now: datetime) -> None:
    connection.execute(attempts.KNOW, {"name_key": name_key, "network": network, "last_login_at": now})
    connection.execute(attempts.DELETE_OLD_NETWORKS, {"before": now - attempts.KNOWN_FOR})


@contextmanager
def attempt(pair: Pair, *, now: datetime) -> Iterator[Attempt]:
    """Admit the comparison of a password in the block, or raise `TooManyAttempts`.

    An attempt without a result at the end of the block (no core came free, or an error) counts as nothing: an
    overloaded service locks nobody out. If the database failed, deleting it would only wait for the database
    once more, and it counts as abandoned. At its end the block holds no connection.
    """
    with db.read() as connection:  # without a transaction: refusing many costs little
        counts = _count(connection, pair, now)
    if refused := refusal(counts, now=now):
        refuse(refused)
    with FULL_NETWORKS.slot() if network_refusal(counts, now=now) else nullcontext():
        admitted = _admit(pair, now)
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
    """Return why no attempt may be made now, by the limit that lasts longest, or None if one may.

    From a network past its limit there is no refusal here, but `network_refusal` for all but a right password
    of somebody known there: else the answer would tell who is.
    """
    if network_refusal(counts, now=now):
        return None
    waits = {
        "repeats": _wait(counts.same_repeats, MAX_REPEATS, counts.same_since, SAME_PASSWORD, now),
        "pair": _pair_wait(counts, now),
        "name": NO_WAIT if counts.is_known else _name_wait(counts, now),
    }
    limit, wait = max(waits.items(), key=itemgetter(1))
    return TooManyAttempts(limit=limit, wait=wait) if wait else None


def network_refusal(counts: Counts, *, now: datetime) -> TooManyAttempts | None:
    """Return what is answered if the network is past its limit, or None; it names no wait but this one."""
    wait = _wait(counts.network_attempts, MAX_PER_NETWORK, counts.network_oldest, HOUR, now)
    return TooManyAttempts(limit="network", wait=min(wait, KNOWN_EVERY)) if wait else None


def _pair_wait(counts: Counts, now: datetime) -> timedelta:
    if counts.failures < FREE_FAILURES:
        compared = counts.failures + counts.under_way + (counts.repeats if counts.under_way else 0)
        return RETRY_SOON if compared >= MAX_UNDER_WAY else NO_WAIT
    doubled = FIRST_WAIT * 2 ** min(counts.failures - FREE_FAILURES, 10)
    wait = _wait(counts.failures, FREE_FAILURES, counts.last_failure, min(doubled, LONGEST_WAIT), now)
    return wait or (RETRY_SOON if counts.under_way else NO_WAIT)


def _name_wait(counts: Counts, now: datetime) -> timedelta:
    wait = _wait(counts.name_attempts, MAX_PER_NAME, counts.name_oldest, HOUR, now)
    return wait or (RETRY_SOON if counts.name_under_way >= MAX_UNDER_WAY else NO_WAIT)


def _wait(count: int, limit: int, since: datetime | None, rule: timedelta, now: datetime) -> timedelta:
    """Return what is left of a wait once the limit is reached, never more than its rule says."""
    return max(min(since, now) + rule - now, NO_WAIT) if count >= limit and since else NO_WAIT


def _admit(pair: Pair, now: datetime) -> Attempt:
    """Return the attempt, which has a row, or raise `TooManyAttempts`."""
    with db.write() as connection:
        # Always the name first: who holds the network waits for nobody, so there is no deadlock.
        lock(connection, pair.name_lock, f"attempts from {pair.network}")
        counts = _count(connection, pair, now)
        if refused := refusal(counts, now=now):
            refuse(refused)
        connection.execute(attempts.DELETE_OLD, {"before": now - attempts.IN_A_ROW})
        connection.execute(attempts.FORGET_PASSWORDS, _lately(now))
        full = network_refusal(counts, now=now)
        counted_as = pair.apart() if full else pair
        compares = not full or _take_turn(connection, pair, counts, now)
        row = {"name_key": counted_as.name_key, "network": counted_as.network, "at": now, "failed": False}
        row_id = connection.execute(attempts.INSERT, row).scalar_one()
    return Attempt(id=row_id, pair=pair, counted_as=counted_as, full=full, may_compare=compares)


def _take_turn(connection: Connection, pair: Pair, counts: Counts, now: datetime) -> bool:
    """Return whether a password is compared in a full network, which keeps the name's next ones waiting."""
    apart = _count(connection, pair.apart(), now)
    is_early = counts.tried_at and now - KNOWN_EVERY < counts.tried_at <= now + CLOCK_SKEW
    waits = any(_pair_wait(each, now) for each in (counts, apart))
    compares = counts.is_known and not is_early and not waits
    name_key = pair.name_key if compares else b""  # no name's, but the statement is the same
    connection.execute(attempts.MARK_TRIED, {"of_name": name_key, "of_network": pair.network, "now": now})
    return compares


def _count(connection: Connection, pair: Pair, now: datetime) -> Counts:
    parameters = {
        "name_key": pair.name_key,
        "network": pair.network,
        "digests": pair.digests,
        "abandoned_before": now - attempts.ABANDONED_AFTER,
        "hour_ago": now - HOUR,
        "day_ago": now - attempts.IN_A_ROW,
        "month_ago": now - attempts.KNOWN_FOR,
        **_lately(now),
    }
    return Counts(**connection.execute(attempts.COUNT, parameters).mappings().one())


def _lately(now: datetime) -> dict[str, object]:
    """Return the parameters of what counts once in 15 minutes."""
    return {"lately": now - SAME_PASSWORD, "soon": now + CLOCK_SKEW}


def _discard(admitted: Attempt) -> None:
    with db.write() as connection:
        connection.execute(attempts.DELETE, {"attempt_id": admitted.id})

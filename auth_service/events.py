"""Owns what auth tells other services: which sessions ended and which users were deleted, in commit order.

An event gets its id from the one row of `feed`, whose lock its transaction then holds until it commits: the
next transaction that tells something waits, so no id ever appears below one that was read (docs/design.md).
That is why the two functions that tell are called last before the commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from auth_service.models import Event, Feed, db
from common.statements import Statement
from common.tokens import ACCESS_LIFETIME, LEEWAY

SESSION_ENDED = "session.ended"
USER_DELETED = "user.deleted"
KEPT = timedelta(days=90)  # session.ended; user.deleted is kept for good
PURGE_EVERY = 100  # events written between two purges in the write path
PURGE_BATCH = 500  # events a purge takes at most, more than are written between two

_after = Statement(
    select(Event.id, Event.type, Event.at, Event.session_id, Event.public_id, Event.until)
    .where(Event.id > bindparam("after"))
    .order_by(Event.id)
    .limit(bindparam("limit")),
)
_one = Statement(select(Event.id).where(Event.id == bindparam("event_id")))
_feed = Statement(select(Feed.purged, Feed.last))


class NotInFeed(Exception):
    """The feed does not go on from this id: events behind it were purged."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it was written; which members it has is a matter of its type."""

    id: int
    type: str
    at: datetime
    session_id: str | None
    public_id: str | None
    until: datetime | None


def session_ended(sessions: Sequence[str], *, now: datetime) -> None:
    """Tell in the transaction that these sessions ended; call it last before the commit."""
    until = now + ACCESS_LIFETIME + timedelta(seconds=LEEWAY)
    _tell([{"type": SESSION_ENDED, "at": now, "session_id": each, "until": until} for each in sessions])


def user_deleted(public_id: str, *, now: datetime) -> None:
    """Tell in the transaction that this user was deleted; call it last before the commit."""
    _tell([{"type": USER_DELETED, "at": now, "public_id": public_id}])


def find_events(*, after: int, limit: int) -> list[Told]:
    """Return up to `limit` events behind the id `after`, oldest first."""
    return [Told(*row) for row in _after.rows(after=after, limit=limit)]


def end_of_feed(after: int) -> int:
    """Return the highest id there is, or raise `NotInFeed`; call it once the events behind `after` were read.

    From 0 on, and from any event that is kept, the feed is always whole: every user.deleted is kept, and
    session.ended is kept for much longer than any token of the session lives. An `after` beyond the end is of
    a feed before a backup of it was restored: what comes next has other numbers.
    """
    ((purged, last),) = _feed.rows()
    if 0 < after < purged and _one.first(event_id=after) is None:
        raise NotInFeed
    return int(last)


def purge(*, now: datetime, limit: int = PURGE_BATCH) -> int:
    """Delete up to `limit` events that are kept no longer, in the transaction; return how many there were."""
    db.session.execute(select(Feed.last).with_for_update())  # first, as those who tell something have it
    old = (
        select(Event.id)
        .where(Event.type == SESSION_ENDED, Event.at < now - KEPT)
        .order_by(Event.at)
        .limit(limit)
    )
    gone = db.session.execute(delete(Event).where(Event.id.in_(old)).returning(Event.id)).scalars().all()
    if gone:
        highest = max(gone)
        db.session.execute(update(Feed).where(Feed.purged < highest).values(purged=highest))
    return len(gone)


def _tell(events: Sequence[dict[str, object]]) -> None:
    if not events:
        return
    number = update(Feed).values(last=Feed.last + len(events)).returning(Feed.last)
    last = db.session.execute(number).scalar_one()
    first = last - len(events) + 1
    db.session.execute(insert(Event), [{"id": id_, **event} for id_, event in enumerate(events, first)])
    if last // PURGE_EVERY != (first - 1) // PURGE_EVERY:
        purge(now=datetime.now(UTC))

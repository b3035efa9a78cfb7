"""The feed for other services: which sessions ended and which users were deleted, in commit order.

An event gets its id from the one row of `feed`, whose lock its transaction then holds until it commits: the
next transaction that publishes waits, so no id ever appears below one that was read (docs/design.md).
That is why the functions that publish are called last in a transaction.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Row, bindparam, exists, insert, select, text, update
from sqlalchemy.exc import NotSupportedError, ProgrammingError

from auth_service.models import Event, Feed, db
from auth_service.retention import date_back, date_rows_back, delete_old
from common.errors import DomainError
from common.tokens.access import ACCESS_LIFETIME, LEEWAY

SESSION_ENDED = "session.ended"
USER_DELETED = "user.deleted"
KEPT = timedelta(days=90)  # session.ended; user.deleted is kept for good
PURGE_EVERY = 100  # events written between two purges in the write path
PURGE_BATCH = 500  # events a purge takes at most, more than are written between two

AFTER = (
    select(Event.id, Event.type, Event.at, Event.session_id, Event.public_id, Event.until)
    .where(Event.id > bindparam("after"))
    .order_by(Event.id)
    .limit(bindparam("limit"))
)
FEED = select(
    Feed.purged, Feed.last, Feed.epoch, exists().where(Event.id == bindparam("after")).label("is_kept")
)
# PostgreSQL numbers a database or a table anew when it is restored, be it by pg_restore alone.
NUMBERS = text(
    "SELECT concat('-', oid, '-', 'feed'::regclass::oid) FROM pg_database WHERE datname = current_database()"
)
# A cluster has an id from its start, and another timeline after each recovery to a time and each promotion.
CLUSTER = text(
    "SELECT concat('-', system_identifier, '-', greatest(timeline_id, min_recovery_end_timeline))"
    " FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()"
)
LOCK_FEED = select(Feed.last).with_for_update()
TAKE_NUMBERS = update(Feed).values(last=Feed.last + bindparam("count")).returning(Feed.last)
INSERT = insert(Event)
DELETE_OLD = delete_old(Event.id, Event.at, Event.type == SESSION_ENDED, limit=PURGE_BATCH).returning(
    Event.id
)
DATE_BACK = date_back(Event.id, Event.at, limit=PURGE_BATCH)
RECORD_PURGE = update(Feed).where(Feed.purged < bindparam("highest")).values(purged=bindparam("highest"))

EventRow = Row[int, str, datetime, str | None, str | None, datetime | None]  # of `AFTER`


class EventsPurged(DomainError):
    """Events behind the id were purged, so the feed cannot be read from there."""

    status = 410
    code = "not-in-feed"
    message = (
        "the feed does not go on from this id, which is older than what is kept; read again from 0, which"
        " reports every deleted user"
    )


class FeedEnd(NamedTuple):
    last: int  # the highest id
    epoch: str  # another one in a feed that was restored from a backup


def session_ended(connection: Connection, sessions: Sequence[str]) -> None:
    """Publish that these sessions ended; call it last in the transaction."""
    now = datetime.now(UTC)
    until = now + ACCESS_LIFETIME + timedelta(seconds=LEEWAY)
    ended = {"type": SESSION_ENDED, "at": now, "until": until}
    _publish(connection, [{**ended, "session_id": each} for each in sessions])


def user_deleted(connection: Connection, public_id: str) -> None:
    """Publish that this user was deleted; call it last in the transaction."""
    _publish(connection, [{"type": USER_DELETED, "at": datetime.now(UTC), "public_id": public_id}])


def find_events(*, after: int, limit: int) -> Sequence[EventRow]:
    """Return up to `limit` events behind the id `after`, oldest first."""
    with db.read() as connection:
        return connection.execute(AFTER, {"after": after, "limit": limit}).all()


def end_of_feed(after: int) -> FeedEnd:
    """Return where the feed ends, or raise `EventsPurged`; call it once the events behind `after` were read.

    In this order, for no event is then of a later epoch than the answer says.

    From 0 on, and from any event that is kept, the feed is always whole: every user.deleted is kept, and
    session.ended is kept for much longer than any token of the session lives. An `after` beyond the end is of
    a feed before a backup of it was restored: what comes next has other numbers.
    """
    with db.read() as connection:
        feed = connection.execute(FEED, {"after": after}).one()
        numbers = "" if db.is_sqlite else _numbers(connection)
    if 0 < after < feed.purged and not feed.is_kept:
        raise EventsPurged
    return FeedEnd(feed.last, feed.epoch + numbers)


def _numbers(connection: Connection) -> str:
    """Return PostgreSQL's numbers of the feed and of the cluster, those of a standby being the primary's."""
    numbers: str = connection.execute(NUMBERS).scalar_one()
    with suppress(ProgrammingError, NotSupportedError):  # a host of databases may keep the functions from us
        numbers += connection.execute(CLUSTER).scalar_one()
    return numbers


def purge(connection: Connection) -> int:
    """Delete up to `PURGE_BATCH` events that are kept no longer; return how many there were."""
    connection.execute(LOCK_FEED).all()  # first, as whatever publishes an event does
    now = datetime.now(UTC)
    date_rows_back(connection, DATE_BACK, latest=now)
    gone = connection.execute(DELETE_OLD, {"before": now - KEPT}).scalars().all()
    if gone:
        connection.execute(RECORD_PURGE, {"highest": max(gone)})
    return len(gone)


def _publish(connection: Connection, events: Sequence[dict[str, object]]) -> None:
    if not events:
        return
    last = connection.execute(TAKE_NUMBERS, {"count": len(events)}).scalar_one()
    first = last - len(events) + 1
    connection.execute(INSERT, [{"id": id_, **event} for id_, event in enumerate(events, first)])
    if last // PURGE_EVERY != (first - 1) // PURGE_EVERY:
        purge(connection)

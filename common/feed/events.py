"""Applying auth's events: each is applied once, and deleted users keep nothing.

The functions take the connection of the follower and commit. How far the feed is applied stands in one row,
which is changed first in the transaction of the effects, and only if it is as it was read: a second follower
changes nothing. A feed that is read again from 0, since auth was restored from a backup, takes nothing back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, select, update
from sqlalchemy.dialects import postgresql

from common.db.pool import transaction
from common.feed.models import DeletedUser, EndedSession, FeedState

SESSION_ENDED = "session.ended"
USER_DELETED = "user.deleted"
BATCH = 500  # users that are swept after in one go
# A statement that began before a user was deleted does not see it: its rows may come after. It lasts at most
# 2.5 s, and then its transaction may be idle for 10 (common/db/connections.py).
SWEEP_AFTER = timedelta(seconds=20)
CLOCK_SKEW = timedelta(days=1)  # that an ended session is kept longer than needed: clocks are set, too

_session = postgresql.insert(EndedSession)  # the same words on SQLite
# A session that is live again in an auth that was restored can end a second time.
INSERT_SESSION = _session.on_conflict_do_update(
    index_elements=[EndedSession.sid],
    set_={name: _session.excluded[name] for name in ("until", "position")},
    where=_session.excluded.until > EndedSession.until,
)
_user = postgresql.insert(DeletedUser)
# A second deletion is as new as the first: every worker hears of it, and the sweep comes once more.
INSERT_USER = _user.on_conflict_do_update(
    index_elements=[DeletedUser.public_id],
    set_={name: _user.excluded[name] for name in ("position", "deleted_at", "swept_at")},
)


class CursorMoved(Exception):
    """Another follower applied events, or the cursor was reset: these events are not the next ones."""


class Place(NamedTuple):
    """How far the feed is applied."""

    cursor: int
    epoch: str | None

    def is_current(self) -> tuple[ColumnElement[bool], ...]:
        """Return the conditions under which nobody has gone on from here."""
        return FeedState.cursor == self.cursor, FeedState.epoch.is_not_distinct_from(self.epoch)


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """An event of auth; a session's end has `sid` and `until`, a user's deletion `public_id`."""

    id: int
    type: str
    at: datetime
    sid: str = ""
    until: datetime | None = None
    public_id: str = ""


@dataclass(frozen=True, slots=True)
class UserData:
    """What a service keeps of users; the functions get the connection of the follower, and the owner's id.

    `delete_batch` deletes some rows in an open transaction, and returns whether there may be more. What a
    request holds it leaves to the sweep, where it is called with True and waits.
    """

    delete_batch: Callable[[Connection, str, bool], bool]
    before_sweep: Callable[[Connection, str], object] = lambda *_: None
    purge: Callable[[Connection, datetime], object] = lambda *_: None  # of what has expired by that time


def reset(connection: Connection) -> None:
    """Begin again with the first event that auth still keeps; applying one twice does no harm."""
    connection.execute(update(FeedState).values(cursor=0))


def move(connection: Connection, place: Place, to: Place) -> bool:
    """Go on from `to` instead of `place`; return False if another follower has gone on meanwhile."""
    statement = update(FeedState).where(*place.is_current()).values(to._asdict())
    return connection.execute(statement).rowcount > 0


def apply(
    connection: Connection, data: UserData, events: Sequence[FeedEvent], *, place: Place, now: datetime
) -> None:
    """Apply the events that follow `place`, all or nothing, or raise `CursorMoved`."""
    with transaction(connection):
        position = _advance(connection, events, place=place, now=now)
        placed = enumerate(events, position + 1)
        unfinished = [
            event for place, event in placed if _apply_event(connection, data, event, place, now=now)
        ]
    for event in unfinished:
        _erase(connection, data, event.public_id, waits=False)


def _advance(connection: Connection, events: Sequence[FeedEvent], *, place: Place, now: datetime) -> int:
    """Move the cursor behind `events`; return the position before the first of them."""
    types = [event.type for event in events]
    statement = (
        update(FeedState)
        .where(*place.is_current())
        .values(
            cursor=events[-1].id,
            position=FeedState.position + len(events),
            heard_at=now,
            event_at=events[-1].at,
            applied_at=now,
            sessions_ended=FeedState.sessions_ended + types.count(SESSION_ENDED),
            users_deleted=FeedState.users_deleted + types.count(USER_DELETED),
        )
    )
    position = connection.execute(statement.returning(FeedState.position)).scalar_one_or_none()
    if position is None:
        raise CursorMoved
    return position - len(events)


def _apply_event(
    connection: Connection, data: UserData, event: FeedEvent, position: int, *, now: datetime
) -> bool:
    """Record what ended; delete a batch of a deleted user's rows, and return whether there may be more."""
    if event.type == SESSION_ENDED and event.until and event.until + CLOCK_SKEW > now:
        session = {"sid": event.sid, "until": event.until, "position": position}
        connection.execute(INSERT_SESSION, session)
    elif event.type == USER_DELETED:
        user = {"public_id": event.public_id, "position": position, "deleted_at": now, "swept_at": None}
        connection.execute(INSERT_USER, user)
        return data.delete_batch(connection, event.public_id, False)
    return False


def _erase(connection: Connection, data: UserData, owner: str, *, waits: bool) -> None:
    """Delete what `owner` has, a batch a transaction."""
    has_more = True
    while has_more:
        with transaction(connection):
            has_more = data.delete_batch(connection, owner, waits)


def sweep(connection: Connection, data: UserData, *, now: datetime) -> int:
    """Delete what came after its owner was deleted, and what a crash left; return how many were swept after.

    A user stays marked as not swept until then, whatever happens to the follower.
    """
    due = (DeletedUser.swept_at.is_(None), DeletedUser.deleted_at < now - SWEEP_AFTER)
    owners = connection.execute(select(DeletedUser.public_id).where(*due).limit(BATCH)).scalars().all()
    for owner in owners:
        data.before_sweep(connection, owner)
        _erase(connection, data, owner, waits=True)
    if owners:
        connection.execute(update(DeletedUser).where(DeletedUser.public_id.in_(owners)).values(swept_at=now))
    return len(owners)


def purge_ended_sessions(connection: Connection, *, now: datetime) -> int:
    """Delete ended sessions whose tokens have all expired; return how many there were."""
    return connection.execute(delete(EndedSession).where(EndedSession.until < now - CLOCK_SKEW)).rowcount

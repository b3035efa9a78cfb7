"""Owns what books makes of auth's events: each is applied once, and deleted users keep nothing.

The functions take the connection of the follower and commit. How far the feed is applied stands in one row,
which is changed first in the transaction of the effects, and only if it is as it was read: whoever is late
changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Delete, bindparam, delete, exists, insert, select, update

from books_service.models import Book, DeletedUser, EndedSession, Feed, IdempotencyKey, Shelf

SESSION_ENDED = "session.ended"
USER_DELETED = "user.deleted"
BATCH = 500  # rows deleted by one statement
# A statement that began before a user was deleted does not see it: its books may come after. It lasts at most
# 2.5 s, and then its transaction may be idle for 10 (common/connections.py).
SWEEP_AFTER = timedelta(seconds=20)
SPARE = timedelta(days=1)  # that an ended session is kept longer than needed: clocks differ, and are set

_books = select(Book.id).where(Book.owner == bindparam("owner")).order_by(Book.id).limit(BATCH)
_delete_books = delete(Book).where(Book.owner == bindparam("owner"), Book.id.in_(_books))
_is_owned = IdempotencyKey.owner == bindparam("owner")
_keys = select(IdempotencyKey.key).where(_is_owned).limit(BATCH)
_delete_keys = delete(IdempotencyKey).where(_is_owned, IdempotencyKey.key.in_(_keys))
# A request may hold the row of its key for seconds: the follower does not wait, and sweeps it away later.
_free_keys = _keys.with_for_update(skip_locked=True)
_delete_free_keys = delete(IdempotencyKey).where(_is_owned, IdempotencyKey.key.in_(_free_keys))
_delete_shelf = delete(Shelf).where(Shelf.owner == bindparam("owner"))

AT_ONCE = (_delete_free_keys, _delete_books)
# Who puts a book on a shelf holds its row: whoever began before the deletion has ended once that is gone.
LATER = (_delete_shelf, _delete_keys, _delete_books)


class CursorMoved(Exception):
    """Somebody else applied events, or the cursor was reset: what was asked for is not what comes next."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of auth; a session's end has `sid` and `until`, a user's deletion `public_id`."""

    id: int
    type: str
    at: datetime
    sid: str = ""
    until: datetime | None = None
    public_id: str = ""


def read_cursor(connection: Connection) -> int:
    """Return the id of the last event that was applied."""
    with connection.begin():
        return connection.execute(select(Feed.cursor)).scalar_one()


def reset(connection: Connection) -> None:
    """Begin again with the first event that auth still keeps; to hear one twice does no harm."""
    with connection.begin():
        connection.execute(update(Feed).values(cursor=0))


def note_heard(connection: Connection, *, now: datetime) -> None:
    """Note that auth is there, though it had nothing to tell."""
    with connection.begin():
        connection.execute(update(Feed).values(heard_at=now))


def apply(connection: Connection, events: Sequence[Heard], *, cursor: int, now: datetime) -> None:
    """Apply the events that follow `cursor`, all or nothing, or raise `CursorMoved`."""
    with connection.begin():
        position = _advance(connection, events, cursor=cursor, now=now)
        _end_sessions(connection, events, position, now=now)
        full = _delete_users(connection, events, position, now=now)
    for owner in full:
        _erase(connection, owner, AT_ONCE)


def _advance(connection: Connection, events: Sequence[Heard], *, cursor: int, now: datetime) -> int:
    """Move the cursor behind `events`; return the position before the first of them."""
    types = [event.type for event in events]
    statement = (
        update(Feed)
        .where(Feed.cursor == cursor)
        .values(
            cursor=events[-1].id,
            position=Feed.position + len(events),
            heard_at=now,
            event_at=events[-1].at,
            applied_at=now,
            sessions_ended=Feed.sessions_ended + types.count(SESSION_ENDED),
            users_deleted=Feed.users_deleted + types.count(USER_DELETED),
        )
    )
    position = connection.execute(statement.returning(Feed.position)).scalar_one_or_none()
    if position is None:
        raise CursorMoved
    return position - len(events)


_new_ended_session = insert(EndedSession).from_select(
    ["sid", "until", "position"],
    select(
        bindparam("sid", type_=EndedSession.sid.type),
        bindparam("until", type_=EndedSession.until.type),
        bindparam("position", type_=EndedSession.position.type),
    ).where(~exists().where(EndedSession.sid == bindparam("sid"))),
)


def _end_sessions(connection: Connection, events: Sequence[Heard], position: int, *, now: datetime) -> None:
    rows = [
        {"sid": event.sid, "until": event.until, "position": place}
        for place, event in enumerate(events, position + 1)
        if event.type == SESSION_ENDED and event.until and event.until + SPARE > now
    ]
    if rows:
        connection.execute(_new_ended_session, rows)


_new_deleted_user = insert(DeletedUser).from_select(
    ["public_id", "position", "deleted_at"],
    select(
        bindparam("public_id", type_=DeletedUser.public_id.type),
        bindparam("position", type_=DeletedUser.position.type),
        bindparam("deleted_at", type_=DeletedUser.deleted_at.type),
    ).where(~exists().where(DeletedUser.public_id == bindparam("public_id"))),
)


def _delete_users(
    connection: Connection, events: Sequence[Heard], position: int, *, now: datetime
) -> list[str]:
    """Delete users with the first batch of what they have; return those who may have more."""
    full = []
    for place, event in enumerate(events, position + 1):
        if event.type == USER_DELETED:
            row = {"public_id": event.public_id, "position": place, "deleted_at": now}
            connection.execute(_new_deleted_user, row)
            gone = [connection.execute(each, {"owner": event.public_id}).rowcount for each in AT_ONCE]
            if max(gone) == BATCH:
                full.append(event.public_id)
    return full


def _erase(connection: Connection, owner: str, statements: Sequence[Delete]) -> None:
    """Delete what `owner` has, a batch a transaction."""
    for statement in statements:
        gone = BATCH
        while gone == BATCH:
            with connection.begin():
                gone = connection.execute(statement, {"owner": owner}).rowcount


def sweep(connection: Connection, *, now: datetime) -> int:
    """Delete what came after its owner was deleted, and what a crash left; return how many were swept after.

    Until then a deleted user stays noted as not swept, whatever happens to the follower.
    """
    due = (DeletedUser.swept_at.is_(None), DeletedUser.deleted_at < now - SWEEP_AFTER)
    with connection.begin():
        owners = connection.execute(select(DeletedUser.public_id).where(*due).limit(BATCH)).scalars().all()
    for owner in owners:
        _erase(connection, owner, LATER)
    if owners:
        with connection.begin():
            connection.execute(
                update(DeletedUser).where(DeletedUser.public_id.in_(owners)).values(swept_at=now)
            )
    return len(owners)


def forget(connection: Connection, *, now: datetime) -> int:
    """Forget ended sessions whose tokens are all dead; return how many there were."""
    with connection.begin():
        return connection.execute(delete(EndedSession).where(EndedSession.until < now - SPARE)).rowcount

"""Owns what books makes of auth's events: each is applied once, and deleted users keep nothing.

The functions take the connection of the follower and commit. How far the feed is applied stands in one row,
which is changed first in the transaction of the effects, and only if it is as it was read: whoever is late
changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Delete, Select, bindparam, delete, exists, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute

from books_service.models import Book, DeletedUser, EndedSession, Feed, IdempotencyKey, Shelf

SESSION_ENDED = "session.ended"
USER_DELETED = "user.deleted"
BATCH = 500  # rows deleted by one statement, each a parameter of it
# A statement that began before a user was deleted does not see it: its books may come after. It lasts at most
# 2.5 s, and then its transaction may be idle for 10 (common/connections.py).
SWEEP_AFTER = timedelta(seconds=20)
SPARE = timedelta(days=1)  # that an ended session is kept longer than needed: clocks differ, and are set


class Rows(NamedTuple):
    """How rows of an owner are deleted: some are found, and those are deleted, whatever they are called.

    A single statement for both (`IN (SELECT … LIMIT …)`) may be planned so that it looks anew for each row.
    """

    find: Select[Any]
    delete: Delete


def _rows(name: InstrumentedAttribute[Any]) -> Rows:
    """Return the rows of a table, each of which has a `name` among those of its owner."""
    is_owned = name.class_.owner == bindparam("owner")
    chosen = name.in_(bindparam("chosen", expanding=True))
    return Rows(select(name).where(is_owned).limit(BATCH), delete(name.class_).where(is_owned, chosen))


_books, _keys = _rows(Book.id), _rows(IdempotencyKey.key)
# A request may hold the row of its key for seconds: the follower does not wait, and sweeps it away later.
_free_keys = _keys._replace(find=_keys.find.with_for_update(skip_locked=True))
_delete_shelf = delete(Shelf).where(Shelf.owner == bindparam("owner"))

AT_ONCE = (_free_keys, _books)
LATER = (_keys, _books)


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
            found = [_delete_some(connection, event.public_id, rows) for rows in AT_ONCE]
            if BATCH in found:
                full.append(event.public_id)
    return full


def _delete_some(connection: Connection, owner: str, rows: Rows) -> int:
    """Delete a batch of rows, and return how many were found; fewer than `BATCH` are the last."""
    chosen = connection.execute(rows.find, {"owner": owner}).scalars().all()
    if chosen:
        connection.execute(rows.delete, {"owner": owner, "chosen": chosen})
    return len(chosen)


def _erase(connection: Connection, owner: str, parts: Sequence[Rows]) -> None:
    """Delete what `owner` has, a batch a transaction."""
    for rows in parts:
        found = BATCH
        while found == BATCH:
            with connection.begin():
                found = _delete_some(connection, owner, rows)


def sweep(connection: Connection, *, now: datetime) -> int:
    """Delete what came after its owner was deleted, and what a crash left; return how many were swept after.

    Until then a deleted user stays noted as not swept, whatever happens to the follower.
    """
    due = (DeletedUser.swept_at.is_(None), DeletedUser.deleted_at < now - SWEEP_AFTER)
    with connection.begin():
        owners = connection.execute(select(DeletedUser.public_id).where(*due).limit(BATCH)).scalars().all()
    for owner in owners:
        # Who puts a book there holds its row: whoever began before the deletion has ended once that is gone.
        with connection.begin():
            connection.execute(_delete_shelf, {"owner": owner})
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

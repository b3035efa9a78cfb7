"""Owns what books makes of auth's events: each is applied once, and deleted users keep nothing.

The functions take the connection of the follower and commit. How far the feed is applied stands in one row,
which is changed first in the transaction of the effects, and only if it is as it was read: whoever is late
changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from books_service.models import Book, DeletedUser, EndedSession, Feed, IdempotencyKey, Shelf
from common.db.engine import transaction

Part = Callable[[Connection, str], int]  # deletes some of what an owner has, and tells how much was found

SESSION_ENDED = "session.ended"
USER_DELETED = "user.deleted"
BATCH = 500  # rows of a table that are found and deleted in one go
# A statement that began before a user was deleted does not see it: its books may come after. It lasts at most
# 2.5 s, and then its transaction may be idle for 10 (common/db/connections.py).
SWEEP_AFTER = timedelta(seconds=20)
SPARE = timedelta(days=1)  # that an ended session is kept longer than needed: clocks differ, and are set

_owns_book = Book.owner == bindparam("owner")
FIND_BOOKS = select(Book.id).where(_owns_book).order_by(Book.id).limit(BATCH)
DELETE_BOOKS = delete(Book).where(_owns_book, Book.id.between(bindparam("first"), bindparam("last")))
_owns_key = IdempotencyKey.owner == bindparam("owner")
_find_keys = select(IdempotencyKey.key).where(_owns_key).order_by(IdempotencyKey.key).limit(BATCH)
_delete_key = delete(IdempotencyKey).where(_owns_key, IdempotencyKey.key == bindparam("key"))
_delete_shelf = delete(Shelf).where(Shelf.owner == bindparam("owner"))


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
    return connection.execute(select(Feed.cursor)).scalar_one()


def reset(connection: Connection) -> None:
    """Begin again with the first event that auth still keeps; to hear one twice does no harm."""
    connection.execute(update(Feed).values(cursor=0))


def note_heard(connection: Connection, *, now: datetime) -> None:
    """Note that auth is there, though it had nothing to tell."""
    connection.execute(update(Feed).values(heard_at=now))


def apply(connection: Connection, events: Sequence[Heard], *, cursor: int, now: datetime) -> None:
    """Apply the events that follow `cursor`, all or nothing, or raise `CursorMoved`."""
    with transaction(connection):
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
            found = [delete_some(connection, event.public_id) for delete_some in AT_ONCE]
            if BATCH in found:
                full.append(event.public_id)
    return full


def _delete_some_books(connection: Connection, owner: str) -> int:
    """Delete a batch of the owner's books, and return how many were found; fewer than `BATCH` are the last.

    It looks first: a single statement (`IN (SELECT … LIMIT …)`) may look anew for each book of the owner.
    """
    found = connection.execute(FIND_BOOKS, {"owner": owner}).scalars().all()
    if found:
        connection.execute(DELETE_BOOKS, {"owner": owner, "first": found[0], "last": found[-1]})
    return len(found)


def _delete_some_keys(connection: Connection, owner: str, *, waits: bool = False) -> int:
    """Delete a batch of the owner's keys likewise, of those that no request holds if it does not wait."""
    find = _find_keys if waits else _find_keys.with_for_update(skip_locked=True)
    found = connection.execute(find, {"owner": owner}).scalars().all()
    if found:
        connection.execute(_delete_key, [{"owner": owner, "key": key} for key in found])
    return len(found)


def _erase(connection: Connection, owner: str, parts: Sequence[Part]) -> None:
    """Delete what `owner` has, a batch a transaction."""
    for delete_some in parts:
        found = BATCH
        while found == BATCH:
            with transaction(connection):
                found = delete_some(connection, owner)


# A request may hold the row of its key for seconds: the follower does not wait, and sweeps it away later.
AT_ONCE: Sequence[Part] = (_delete_some_keys, _delete_some_books)
LATER: Sequence[Part] = (partial(_delete_some_keys, waits=True), _delete_some_books)


def sweep(connection: Connection, *, now: datetime) -> int:
    """Delete what came after its owner was deleted, and what a crash left; return how many were swept after.

    Until then a deleted user stays noted as not swept, whatever happens to the follower.
    """
    due = (DeletedUser.swept_at.is_(None), DeletedUser.deleted_at < now - SWEEP_AFTER)
    owners = connection.execute(select(DeletedUser.public_id).where(*due).limit(BATCH)).scalars().all()
    for owner in owners:
        # Who puts a book there holds its row: whoever began before the deletion has ended once that is gone.
        connection.execute(_delete_shelf, {"owner": owner})
        _erase(connection, owner, LATER)
    if owners:
        connection.execute(update(DeletedUser).where(DeletedUser.public_id.in_(owners)).values(swept_at=now))
    return len(owners)


def forget(connection: Connection, *, now: datetime) -> int:
    """Forget ended sessions whose tokens are all dead; return how many there were."""
    return connection.execute(delete(EndedSession).where(EndedSession.until < now - SPARE)).rowcount

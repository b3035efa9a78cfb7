"""Idempotent requests: a request that is repeated with its key makes no second book, for a day.

Key and book are one transaction, in which the key's row comes first (docs/design.md). That there are not too
many keys is checked twice: where the row is stored, for this refusal comes before others, and while the shelf
is locked, when each key of the owner can be seen.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json
from sqlalchemy import Connection, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError

from books_service.models import IdempotencyKey, db
from books_service.shelf.find import MEMBERS, BookPayload
from books_service.shelf.put import duplicates_refused, insert_book, new_row
from common.db.columns import is_plausible
from common.db.engine import is_locked
from common.errors import DomainError, InvalidRequest

KEPT = timedelta(hours=24)
MAX_KEYS = 1000  # that are kept of one owner
PURGED = 20  # keys of any owner, by each request that stores one
BATCH = 500  # keys, by each transaction of the follower
BOOK = TypeAdapter(BookPayload)  # as it is stored beside its key

Result = tuple[BookPayload, bool]  # the book, and whether an earlier request with the key made it


class KeyReused(InvalidRequest):
    code = "key-reused"
    errors = ({"header": "Idempotency-Key", "detail": "came with another body before"},)


class RequestInProgress(DomainError):
    status = 409
    code = "request-in-progress"
    message = "a request with this key is still running"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class TooManyKeys(DomainError):
    """The owner has as many keys as are kept; `oldest` is when the first of them was stored."""

    status = 429
    code = "too-many-keys"
    message = "too many idempotency keys"

    def __init__(self, oldest: datetime, now: datetime) -> None:
        super().__init__(self.message)
        wait = min(max(oldest + KEPT - now, timedelta(seconds=1)), KEPT)
        self.headers = {"Retry-After": str(math.ceil(wait.total_seconds()))}


_is_expired = IdempotencyKey.made_at <= bindparam("expired")
_kept = (  # the newest keys that the owner may have
    select(IdempotencyKey.made_at)
    .where(IdempotencyKey.owner == bindparam("shelf"), IdempotencyKey.made_at > bindparam("expired"))
    .order_by(IdempotencyKey.made_at.desc())
)
OLDEST = _kept.offset(MAX_KEYS - 1).limit(1)
_columns = IdempotencyKey.__table__.c
_row = select(*(bindparam(column.name, type_=column.type) for column in _columns)).where(~OLDEST.exists())
_new = postgresql.insert(IdempotencyKey).from_select(_columns.keys(), _row)  # the same words on SQLite
CLAIM = _new.on_conflict_do_update(
    index_elements=[IdempotencyKey.owner, IdempotencyKey.key],
    set_={name: _new.excluded[name] for name in ("fingerprint", "answer", "made_at")},
    where=_is_expired,
).returning(IdempotencyKey.owner)
SELECT_RESPONSE = select(*_columns).where(
    IdempotencyKey.owner == bindparam("owner"), IdempotencyKey.key == bindparam("key")
)
STORE_RESPONSE = (
    update(IdempotencyKey)
    .where(IdempotencyKey.owner == bindparam("shelf"), IdempotencyKey.key == bindparam("request_key"))
    .where(~_kept.offset(MAX_KEYS).limit(1).exists())
    .values(answer=bindparam("response"))
)
_found = (  # to be deleted
    select(IdempotencyKey.owner, IdempotencyKey.key)
    .where(_is_expired)
    .order_by(IdempotencyKey.made_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
# The clock was ahead when these were stored: from now on they live as long as any other.
REDATE = (
    update(IdempotencyKey).where(IdempotencyKey.made_at > bindparam("now")).values(made_at=bindparam("now"))
)
PURGE = delete(IdempotencyKey).where(tuple_(IdempotencyKey.owner, IdempotencyKey.key).in_(_found))


def put_book_once(owner: str, key: str, book: Mapping[str, Any], *, capacity: int) -> Result:
    """Put a book on the shelf as `put_book` does, or return the one that the key has made.

    Raises what that raises, `KeyReused`, `RequestInProgress` and `TooManyKeys`.
    """
    row = new_row(owner, book, datetime.now(UTC))
    # The same for equal books, whatever the order and the spelling of their members.
    fingerprint = hashlib.sha256(to_json([book[name] for name in MEMBERS])).digest()
    now = row["created_at"]
    with duplicates_refused(), db.write() as connection:
        if not _claim(connection, owner, key, fingerprint, now=now):
            return _replay(connection, owner, key, fingerprint, now=now)
        created = insert_book(connection, row, capacity)
        place = {"shelf": owner, "request_key": key, "expired": now - KEPT}
        if not connection.execute(STORE_RESPONSE, {**place, "response": BOOK.dump_json(created)}).rowcount:
            raise _no_room(connection, owner, now=now)
        # Last, for it never waits: a wait for a key while rows of others are held could be a deadlock.
        connection.execute(PURGE, {"expired": now - KEPT, "limit": PURGED})
    return created, False


def purge_keys(connection: Connection, now: datetime) -> None:
    """Delete, for the follower, the keys that no request has purged."""
    if is_plausible(now):
        connection.execute(REDATE, {"now": now})
    while connection.execute(PURGE, {"expired": now - KEPT, "limit": BATCH}).rowcount == BATCH:
        pass


def _claim(connection: Connection, owner: str, key: str, fingerprint: bytes, *, now: datetime) -> bool:
    """Store the key, unless it is kept already; waits for a transaction that stores it meanwhile."""
    new = {"owner": owner, "key": key, "fingerprint": fingerprint, "answer": b"", "made_at": now}
    try:
        return connection.execute(CLAIM, {**new, "shelf": owner, "expired": now - KEPT}).first() is not None
    except OperationalError as error:
        if is_locked(error):
            raise RequestInProgress from error
        raise


def _replay(connection: Connection, owner: str, key: str, fingerprint: bytes, *, now: datetime) -> Result:
    """Return what the key has made; without such a key there was no room for it."""
    found = connection.execute(SELECT_RESPONSE, {"owner": owner, "key": key}).first()
    if found is None or found.made_at <= now - KEPT:
        raise _no_room(connection, owner, now=now)
    if found.fingerprint != fingerprint:
        raise KeyReused
    return BOOK.validate_json(found.answer), True


def _no_room(connection: Connection, owner: str, *, now: datetime) -> TooManyKeys:
    oldest = connection.execute(OLDEST, {"shelf": owner, "expired": now - KEPT}).scalar()
    return TooManyKeys(oldest or now - KEPT, now)

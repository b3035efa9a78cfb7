"""Idempotent requests: a request that is repeated with its key makes no second book, for a day.

The key, a fingerprint of the body and the book that was made are stored in the transaction that makes the
book, so there is never one without the other, and a refused request leaves no key. The key's row comes first:
a second request with the same key waits at it, on whatever replica, until that transaction has ended.
"""

import hashlib
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
from common.db.engine import is_locked
from common.errors import DomainError, InvalidRequest

KEPT = timedelta(hours=24)
PURGED = 20  # keys of any owner, by each request that stores one
BATCH = 500  # keys, by each transaction of the follower
BOOK = TypeAdapter(BookPayload)  # as it is stored beside its key

Result = tuple[BookPayload, bool]  # the book, and whether an earlier request with the key made it


class KeyReused(InvalidRequest):
    """The key came with another body before."""

    code = "key-reused"
    errors = ({"header": "Idempotency-Key", "detail": "came with another body before"},)


class RequestInProgress(DomainError):
    """The first request with this key has not ended."""

    status = 409
    code = "request-in-progress"
    message = "a request with this key is still running"
    headers: Mapping[str, str] = {"Retry-After": "1"}


_is_expired = IdempotencyKey.made_at <= bindparam("expired")
_new = postgresql.insert(IdempotencyKey)  # the same words on SQLite
CLAIM = _new.on_conflict_do_update(
    index_elements=[IdempotencyKey.owner, IdempotencyKey.key],
    set_={name: _new.excluded[name] for name in ("fingerprint", "answer", "made_at")},
    where=_is_expired,
).returning(IdempotencyKey.owner)
SELECT_RESPONSE = select(IdempotencyKey.fingerprint, IdempotencyKey.answer).where(
    IdempotencyKey.owner == bindparam("owner"), IdempotencyKey.key == bindparam("key")
)
STORE_RESPONSE = (
    update(IdempotencyKey)
    .where(IdempotencyKey.owner == bindparam("shelf"), IdempotencyKey.key == bindparam("request_key"))
    .values(answer=bindparam("response"))
)
_found = (
    select(IdempotencyKey.owner, IdempotencyKey.key)
    .where(_is_expired)
    .order_by(IdempotencyKey.made_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
PURGE = delete(IdempotencyKey).where(tuple_(IdempotencyKey.owner, IdempotencyKey.key).in_(_found))


def put_book_once(owner: str, key: str, book: Mapping[str, Any], *, capacity: int) -> Result:
    """Put a book on the shelf as `put_book` does, or return the one that the key has made.

    Raises what that raises, `KeyReused` and `RequestInProgress`.
    """
    row = new_row(owner, book, datetime.now(UTC))
    # The same for equal books, whatever the order and the spelling of their members.
    fingerprint = hashlib.sha256(to_json([book[name] for name in MEMBERS])).digest()
    with duplicates_refused(), db.write() as connection:
        if not _claim(connection, owner, key, fingerprint, now=row["created_at"]):
            return _replay(connection, owner, key, fingerprint)
        created = insert_book(connection, row, capacity)
        response = {"shelf": owner, "request_key": key, "response": BOOK.dump_json(created)}
        connection.execute(STORE_RESPONSE, response)
        # Last, for it never waits: a wait for a key while rows of others are held could be a deadlock.
        connection.execute(PURGE, {"expired": row["created_at"] - KEPT, "limit": PURGED})
    return created, False


def purge_keys(connection: Connection, *, now: datetime) -> None:
    """Delete, for the follower, the keys that no request has purged."""
    while connection.execute(PURGE, {"expired": now - KEPT, "limit": BATCH}).rowcount == BATCH:
        pass


def _claim(connection: Connection, owner: str, key: str, fingerprint: bytes, *, now: datetime) -> bool:
    """Store the key, unless it is kept already; waits for a transaction that stores it meanwhile."""
    new = {"owner": owner, "key": key, "fingerprint": fingerprint, "answer": b"", "made_at": now}
    try:
        return connection.execute(CLAIM, {**new, "expired": now - KEPT}).first() is not None
    except OperationalError as error:
        if is_locked(error):
            raise RequestInProgress from error
        raise


def _replay(connection: Connection, owner: str, key: str, fingerprint: bytes) -> Result:
    stored, answer = connection.execute(SELECT_RESPONSE, {"owner": owner, "key": key}).one()
    if stored != fingerprint:
        raise KeyReused
    return BOOK.validate_json(answer), True

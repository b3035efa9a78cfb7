"""Owns what becomes of a request that comes again with its key: nothing is made twice, for a day.

The key, a fingerprint of what was sent and the book that was made are stored in the transaction that makes
the book, so there is never one without the other, and a refusal keeps no key. The key's row comes first:
whoever sends the same key meanwhile waits at it, on whatever replica, until that transaction has ended.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import to_json
from sqlalchemy import Connection, Delete, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError

from books_service.models import IdempotencyKey, db
from books_service.shelf.books import BookPayload, duplicates_refused, insert_book, new_row, payload_from_row
from common.db.engine import is_locked
from common.errors import DomainError, InvalidRequest

KEPT = timedelta(hours=24)
PURGED = 20  # keys of anybody, by each request that stores one
BOOK = TypeAdapter(BookPayload)  # as it is stored beside its key
BATCH = 500  # keys, by each transaction of the follower


class KeyReused(InvalidRequest):
    """The key came with another body before."""

    code = "key-reused"
    errors = ({"header": "Idempotency-Key", "detail": "came with another body before"},)


class RequestInProgress(DomainError):
    """The first request with this key has not ended."""

    status = 409
    code = "request-in-progress"
    message = "a request with this key is still running"
    headers: ClassVar = {"Retry-After": "1"}


class IdempotentResult(NamedTuple):
    """The book that was made, by this request or by the first of its key."""

    book: BookPayload
    is_replayed: bool


_mine = (IdempotencyKey.owner == bindparam("owner"), IdempotencyKey.key == bindparam("key"))
_names = ("owner", "key", "fingerprint", "answer", "made_at")
_new = postgresql.insert(IdempotencyKey).values(  # the same words on SQLite
    {name: bindparam(name, type_=IdempotencyKey.__table__.c[name].type) for name in _names}
)
CLAIM = _new.on_conflict_do_update(
    index_elements=[IdempotencyKey.owner, IdempotencyKey.key],
    set_={name: _new.excluded[name] for name in ("fingerprint", "answer", "made_at")},
    where=IdempotencyKey.made_at <= bindparam("expired", type_=IdempotencyKey.made_at.type),
).returning(IdempotencyKey.owner)
SELECT_RESPONSE = select(IdempotencyKey.fingerprint, IdempotencyKey.answer).where(*_mine)
STORE_RESPONSE = (
    update(IdempotencyKey)
    .where(IdempotencyKey.owner == bindparam("shelf"), IdempotencyKey.key == bindparam("request_key"))
    .values(answer=bindparam("response", type_=IdempotencyKey.answer.type))
)


def _purge(limit: int) -> Delete:
    """Return the statement that deletes up to `limit` keys which were made at `expired` or before."""
    found = (
        select(IdempotencyKey.owner, IdempotencyKey.key)
        .where(IdempotencyKey.made_at <= bindparam("expired", type_=IdempotencyKey.made_at.type))
        .order_by(IdempotencyKey.made_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return delete(IdempotencyKey).where(tuple_(IdempotencyKey.owner, IdempotencyKey.key).in_(found))


PURGE_BATCH = _purge(BATCH)
PURGE_SOME = _purge(PURGED)


def put_book_once(owner: str, key: str, book: Mapping[str, Any], *, capacity: int) -> IdempotentResult:
    """Put a book on the shelf as `shelf.put_book` does, or return the one that the key has made.

    Raises what that raises, `KeyReused` and `RequestInProgress`.
    """
    row = new_row(owner, book, datetime.now(UTC))
    fingerprint = fingerprint_of(book)
    with duplicates_refused(), db.write() as connection:
        if not _claim(connection, key, fingerprint, row):
            return _replay(connection, owner, key, fingerprint)
        book_made = payload_from_row(row, insert_book(connection, row, capacity))
        response = {"shelf": owner, "request_key": key, "response": BOOK.dump_json(book_made)}
        connection.execute(STORE_RESPONSE, response)
        # Last, for it waits for nobody: with rows of others held, a wait for a key could be for one another.
        connection.execute(PURGE_SOME, {"expired": row["created_at"] - KEPT})
    return IdempotentResult(book_made, is_replayed=False)


def forget(connection: Connection, *, now: datetime) -> int:
    """Delete, for the follower, the keys that no request has purged; return how many there were."""
    count, gone = 0, BATCH
    while gone == BATCH:
        gone = connection.execute(PURGE_BATCH, {"expired": now - KEPT}).rowcount
        count += gone
    return count


def fingerprint_of(book: Mapping[str, Any]) -> bytes:
    """Return what is the same for equal books, whatever the order and the spelling of their members."""
    members = [book[name] for name in ("name", "Author", "Publisher", "book_prize")]
    return hashlib.sha256(to_json(members)).digest()


def _claim(connection: Connection, key: str, fingerprint: bytes, row: Mapping[str, Any]) -> bool:
    """Store the key, unless it is kept; what another transaction has stored counts from its end on."""
    now, owner = row["created_at"], row["owner"]
    new = {"owner": owner, "key": key, "fingerprint": fingerprint, "answer": b"", "made_at": now}
    try:
        return connection.execute(CLAIM, {**new, "expired": now - KEPT}).first() is not None
    except OperationalError as error:
        if not is_locked(error):
            raise
        raise RequestInProgress from error


def _replay(connection: Connection, owner: str, key: str, fingerprint: bytes) -> IdempotentResult:
    first, answer = connection.execute(SELECT_RESPONSE, {"owner": owner, "key": key}).one()
    if first != fingerprint:
        raise KeyReused
    return IdempotentResult(BOOK.validate_json(answer), is_replayed=True)

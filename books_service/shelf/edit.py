"""Changing a book and deleting it: only the version that was checked is changed.

A change is one statement that names the version which was read: of several changes that read the same
version one is written, and the others read again, this time with the book locked. The order of locks is the
shelf, then the book. A change of the title locks the shelf too: two changes that swap titles would wait for
one another in the unique index.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, update

from books_service.models import Book, Shelf, db
from books_service.shelf.find import COUNT_BOOKS, MEMBERS, SELECT_BOOK, BookPayload, find_book, select_book
from books_service.shelf.put import INSERT_COLUMNS, duplicates_refused, folded_columns
from common.errors import PreconditionFailed

EtagCheck = Callable[[str], bool]  # whether a book of this entity tag may be changed

# `shelf`, not `owner`: SQLAlchemy takes a parameter that is named like a column for a value to be set.
UPDATE = (
    update(Book)
    .where(
        Book.owner == bindparam("shelf"), Book.id == bindparam("book_id"), Book.version == bindparam("known")
    )
    .values({name: bindparam(name) for name in INSERT_COLUMNS if name not in ("owner", "created_at")})
)
DELETE = delete(Book).where(Book.owner == bindparam("owner"), Book.id == bindparam("book_id"))
LOCK_SHELF = COUNT_BOOKS.with_for_update()
LOCK_BOOK = SELECT_BOOK.with_for_update()
GIVE_ROOM = update(Shelf).where(Shelf.owner == bindparam("shelf")).values(books=Shelf.books - 1)


def update_book(owner: str, book_id: int, members: Mapping[str, Any], is_expected: EtagCheck) -> BookPayload:
    """Give the book these members and return it; members that it has already make no new version.

    Raises `BookNotFound`, `PreconditionFailed` and `DuplicateBook`.
    """
    found = find_book(owner, book_id)
    changed = _changed(found, members, is_expected)
    if changed is found:
        return found
    if (changed.name, changed.Author) == (found.name, found.Author):
        with db.read() as connection:
            if _update(connection, owner, changed):
                return changed
    with duplicates_refused(), db.write() as connection:
        connection.execute(LOCK_SHELF, {"owner": owner})
        found = select_book(connection, LOCK_BOOK, owner, book_id)
        changed = _changed(found, members, is_expected)
        if changed is not found:
            _update(connection, owner, changed)
        return changed


def remove_book(owner: str, book_id: int, is_expected: EtagCheck) -> None:
    """Delete the book; raises `BookNotFound` and `PreconditionFailed`."""
    with db.write() as connection:
        connection.execute(GIVE_ROOM, {"shelf": owner})
        _changed(select_book(connection, LOCK_BOOK, owner, book_id), {}, is_expected)
        connection.execute(DELETE, {"owner": owner, "book_id": book_id})


def _changed(found: BookPayload, members: Mapping[str, Any], is_expected: EtagCheck) -> BookPayload:
    """Return the next version, `found` itself if nothing changes, or raise `PreconditionFailed`."""
    if not is_expected(found.etag):
        raise PreconditionFailed
    if all(getattr(found, name) == value for name, value in members.items()):
        return found
    return replace(found, **members, updated_at=datetime.now(UTC), version=found.version + 1)


def _update(connection: Connection, owner: str, changed: BookPayload) -> bool:
    """Store the book over the version before it; return False if that is no longer there."""
    members = {name: getattr(changed, name) for name in (*MEMBERS, "version", "updated_at")}
    place = {"shelf": owner, "book_id": changed.id, "known": changed.version - 1}
    return connection.execute(UPDATE, members | folded_columns(members) | place).rowcount == 1

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

from sqlalchemy import Connection, bindparam, delete, select, update

from books_service.models import Book, Shelf, db
from books_service.shelf.find import SELECT_BOOK, VersionedBook, find_book, versioned_book
from books_service.shelf.put import INSERT_COLUMNS, MEMBERS, duplicates_refused, folded_columns
from common.errors import DomainError

VersionCheck = Callable[[int], bool]  # whether a book of this version may be changed

# `shelf`, not `owner`: SQLAlchemy takes a parameter that is named like a column for a value to be set.
UPDATE = (
    update(Book)
    .where(
        Book.owner == bindparam("shelf"), Book.id == bindparam("book_id"), Book.version == bindparam("known")
    )
    .values({name: bindparam(name) for name in INSERT_COLUMNS if name not in ("owner", "created_at")})
)
DELETE = delete(Book).where(Book.owner == bindparam("owner"), Book.id == bindparam("book_id"))
LOCK_SHELF = select(Shelf.books).where(Shelf.owner == bindparam("owner")).with_for_update()
LOCK_BOOK = SELECT_BOOK.with_for_update()
GIVE_ROOM = update(Shelf).where(Shelf.owner == bindparam("shelf")).values(books=Shelf.books - 1)


class PreconditionFailed(DomainError):
    """The book is in another version than the one that the client expects."""

    status = 412
    code = "precondition-failed"
    message = "precondition failed"


def change_book(
    owner: str, book_id: int, members: Mapping[str, Any], is_expected: VersionCheck
) -> VersionedBook:
    """Give the book these members and return it; members that it has already make no new version.

    Raises `BookNotFound`, `PreconditionFailed` and `DuplicateBook`.
    """
    found = _checked(find_book(owner, book_id), is_expected)
    changed = _changed(found, members)
    if changed is found:
        return found
    if (changed.book.name, changed.book.Author) == (found.book.name, found.book.Author):
        with db.read() as connection:
            if _update(connection, owner, changed):
                return changed
    with duplicates_refused(), db.write() as connection:
        connection.execute(LOCK_SHELF, {"owner": owner})
        found = _lock_book(connection, owner, book_id, is_expected)
        changed = _changed(found, members)
        if changed is not found:
            _update(connection, owner, changed)
        return changed


def delete_book(owner: str, book_id: int, is_expected: VersionCheck) -> None:
    """Delete the book; raises `BookNotFound` and `PreconditionFailed`."""
    with db.write() as connection:
        connection.execute(GIVE_ROOM, {"shelf": owner})
        _lock_book(connection, owner, book_id, is_expected)
        connection.execute(DELETE, {"owner": owner, "book_id": book_id})


def _lock_book(connection: Connection, owner: str, book_id: int, is_expected: VersionCheck) -> VersionedBook:
    """Return the book, which stays as it is until the transaction ends."""
    row = connection.execute(LOCK_BOOK, {"owner": owner, "book_id": book_id}).first()
    return _checked(versioned_book(row), is_expected)


def _checked(found: VersionedBook, is_expected: VersionCheck) -> VersionedBook:
    if not is_expected(found.version):
        raise PreconditionFailed
    return found


def _changed(found: VersionedBook, members: Mapping[str, Any]) -> VersionedBook:
    """Return the next version of the book, or `found` itself if nothing changes."""
    if all(getattr(found.book, name) == value for name, value in members.items()):
        return found
    book = replace(found.book, **members, updated_at=datetime.now(UTC))
    return VersionedBook(book, found.version + 1)


def _update(connection: Connection, owner: str, changed: VersionedBook) -> bool:
    """Store the book over the version before it; return False if that is no longer there."""
    book, version = changed
    members = {name: getattr(book, name) for name in MEMBERS}
    values = members | folded_columns(members) | {"version": version, "updated_at": book.updated_at}
    place = {"shelf": owner, "book_id": book.id, "known": version - 1}
    return connection.execute(UPDATE, values | place).rowcount == 1

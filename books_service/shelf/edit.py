"""Owns the changing and taking of books: what is written goes to the version that was looked at, or nowhere.

A change is one statement that names the version which was read, so of several that read the same one is
written, and the others look again. Who looks again holds the book, and is never late a second time. Whoever
needs several locks takes the shelf first and the book behind it, and never the other way round. A change of
a title takes both: two of them that swap titles would wait for one another in the unique index.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from books_service.models import Book, Shelf, db, fold
from books_service.shelf.books import (
    INSERT_COLUMNS,
    SELECT_BOOK,
    THIS_BOOK,
    BookNotFound,
    BookPayload,
    VersionedBook,
    book_from_row,
    duplicates_refused,
    find_book,
    new_row,
)
from common.errors import DomainError

VersionCheck = Callable[[int], bool]  # whether a book of this version may be changed; None: always

MEMBERS = ("name", "Author", "Publisher", "book_prize")
UPDATE_COLUMNS = [name for name in INSERT_COLUMNS if name not in ("owner", "created_at")]

# Not `owner`: SQLAlchemy takes parameters that are named like columns for values to be set.
UPDATE = (
    update(Book)
    .where(
        Book.owner == bindparam("shelf"), Book.id == bindparam("book_id"), Book.version == bindparam("known")
    )
    .values({name: bindparam(name, type_=Book.__table__.c[name].type) for name in UPDATE_COLUMNS})
)
DELETE = delete(Book).where(*THIS_BOOK)
LOCK_SHELF = select(Shelf.books).where(Shelf.owner == bindparam("owner")).with_for_update()
LOCK_BOOK = SELECT_BOOK.with_for_update()
GIVE_ROOM = (
    update(Shelf)
    .where(Shelf.owner == bindparam("shelf"))
    .values(books=Shelf.books - bindparam("count", type_=Shelf.books.type))
)


class PreconditionFailed(DomainError):
    """The book is in another version than the one that the client expects."""

    status = 412
    code = "precondition-failed"
    message = "precondition failed"


def change_book(
    owner: str, book_id: int, members: Mapping[str, Any], *, is_expected: VersionCheck | None = None
) -> VersionedBook:
    """Give the book these members and return it; members that it has already make no new version.

    Raises `BookNotFound`, `PreconditionFailed` and `shelf.DuplicateBook`.
    """
    found = _checked(find_book(owner, book_id), is_expected)
    changed = _changed(found, members)
    if changed is found:
        return found
    if _title(changed) == _title(found):
        with db.read() as connection:
            if connection.execute(UPDATE, _row(owner, changed)).rowcount == 1:
                return changed
    with duplicates_refused(), db.write() as connection:
        connection.execute(LOCK_SHELF, {"owner": owner})
        found = _locked(connection, owner, book_id, is_expected)
        changed = _changed(found, members)
        if changed is not found:
            connection.execute(UPDATE, _row(owner, changed))
        return changed


def delete_book(owner: str, book_id: int, *, is_expected: VersionCheck | None = None) -> None:
    """Take the book off the shelf; raises `BookNotFound` and `PreconditionFailed`."""
    with db.write() as connection:
        connection.execute(GIVE_ROOM, {"shelf": owner, "count": 1})
        if is_expected is not None:
            _locked(connection, owner, book_id, is_expected)
        if connection.execute(DELETE, {"owner": owner, "book_id": book_id}).rowcount == 0:
            raise BookNotFound


def _locked(
    connection: Connection, owner: str, book_id: int, is_expected: VersionCheck | None
) -> VersionedBook:
    """Return the book, which stays as it is until the transaction ends."""
    row = connection.execute(LOCK_BOOK, {"owner": owner, "book_id": book_id}).first()
    return _checked(book_from_row(row), is_expected)


def _checked(found: VersionedBook, is_expected: VersionCheck | None) -> VersionedBook:
    if is_expected is not None and not is_expected(found.version):
        raise PreconditionFailed
    return found


def _changed(found: VersionedBook, members: Mapping[str, Any]) -> VersionedBook:
    """Return the next version of the book, or the one that was found if it is no other."""
    if all(getattr(found.book, name) == value for name, value in members.items()):
        return found
    book = replace(found.book, **members, updated_at=datetime.now(UTC))
    return VersionedBook(book, found.version + 1)


def _title(found: VersionedBook) -> tuple[str, str]:
    return fold(found.book.name), fold(found.book.Author)


def _row(owner: str, changed: VersionedBook) -> dict[str, Any]:
    """Return what `UPDATE` stores, and where."""
    book: BookPayload = changed.book
    row = new_row(owner, {name: getattr(book, name) for name in MEMBERS}, book.updated_at)
    values = {name: row[name] for name in UPDATE_COLUMNS} | {"version": changed.version}
    return values | {"shelf": owner, "book_id": book.id, "known": changed.version - 1}

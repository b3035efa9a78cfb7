"""Owns the changing and taking of books: what is written goes to the version that was looked at, or nowhere.

A change is one statement that names the version which was read, so of several that read the same one is
written, and the others look again. Who looks again holds the book, and is never late a second time. Whoever
needs several locks takes the shelf first and the book behind it, and never the other way round. A change of
a title takes both: two of them that swap titles would wait for one another in the unique index.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from books_service.models import Book, Shelf, db, fold
from books_service.shelf import (
    NEW,
    ONE,
    SHOWN,
    BookPayload,
    Found,
    duplicates_refused,
    find_book,
    found_in,
    new_row,
)
from common.statements import Statement, Transaction, transaction

IsWanted = Callable[[int], bool]  # tells by its version whether a book may be changed; None: always

MEMBERS = ("name", "Author", "Publisher", "book_prize")
CHANGED = [name for name in NEW if name not in ("owner", "created_at")]

CHANGE = Statement(
    update(Book)
    .where(*ONE, Book.version == bindparam("known"))
    .values({name: bindparam(name, type_=Book.__table__.c[name].type) for name in CHANGED}),
)
DELETE = Statement(delete(Book).where(*ONE))
HOLD_SHELF = Statement(select(Shelf.books).where(Shelf.owner == bindparam("owner")).with_for_update())
HOLD_BOOK = Statement(SHOWN.with_for_update())
GIVE_ROOM = Statement(
    update(Shelf)
    .where(Shelf.owner == bindparam("shelf"))
    .values(books=Shelf.books - bindparam("count", type_=Shelf.books.type)),
)


class NotThere(Exception):
    """The owner has no such book."""


class NotWanted(Exception):
    """The book is in another version than the one that was to be changed."""


def change_book(
    owner: str, book_id: int, members: Mapping[str, Any], *, is_wanted: IsWanted | None = None
) -> Found:
    """Give the book these members and return it; members that it has already make no new version.

    Raises `NotThere`, `NotWanted` and `shelf.AlreadyThere`.
    """
    found = _wanted(find_book(owner, book_id), is_wanted)
    changed = _changed(found, members)
    if changed is found:
        return found
    if _title(changed) == _title(found) and CHANGE.count(**_row(owner, changed)) == 1:
        return changed
    with duplicates_refused(), transaction(db) as running:
        return _change_held(running, owner, book_id, members, is_wanted)


def _change_held(
    running: Transaction, owner: str, book_id: int, members: Mapping[str, Any], is_wanted: IsWanted | None
) -> Found:
    """Change the book while nobody else can, neither it nor what else is on the shelf."""
    running.rows(HOLD_SHELF, owner=owner)
    found = _held(running, owner, book_id, is_wanted)
    changed = _changed(found, members)
    if changed is not found:
        running.count(CHANGE, **_row(owner, changed))
    return changed


def take_book(owner: str, book_id: int, *, is_wanted: IsWanted | None = None) -> None:
    """Take the book off the shelf; raises `NotThere` and `NotWanted`."""
    with transaction(db) as running:
        running.count(GIVE_ROOM, shelf=owner, count=1)
        if is_wanted is not None:
            _held(running, owner, book_id, is_wanted)
        if running.count(DELETE, owner=owner, book_id=book_id) == 0:
            raise NotThere


def _held(running: Transaction, owner: str, book_id: int, is_wanted: IsWanted | None) -> Found:
    """Return the book, which stays as it is until the transaction ends."""
    return _wanted(found_in(running.first(HOLD_BOOK, owner=owner, book_id=book_id)), is_wanted)


def _wanted(found: Found | None, is_wanted: IsWanted | None) -> Found:
    if found is None:
        raise NotThere
    if is_wanted is not None and not is_wanted(found.version):
        raise NotWanted
    return found


def _changed(found: Found, members: Mapping[str, Any]) -> Found:
    """Return the next version of the book, or the one that was found if it is no other."""
    if all(getattr(found.book, name) == value for name, value in members.items()):
        return found
    book = msgspec.structs.replace(found.book, **members, updated_at=datetime.now(UTC))
    return Found(book, found.version + 1)


def _title(found: Found) -> tuple[str, str]:
    return fold(found.book.name), fold(found.book.Author)


def _row(owner: str, changed: Found) -> dict[str, Any]:
    """Return what `CHANGE` stores, and where."""
    book: BookPayload = changed.book
    row = new_row(owner, {name: getattr(book, name) for name in MEMBERS}, book.updated_at)
    return row | {"book_id": book.id, "version": changed.version, "known": changed.version - 1}

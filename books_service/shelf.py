"""Owns what a shelf is: the statements that list, find, put and take the books of one owner.

Every statement names the owner itself, so another user's book is simply not there. Each is one statement
and its own transaction; columns are asked for, not entities (docs/design.md has the measurements).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, exists, insert, select
from sqlalchemy.exc import IntegrityError

from books_service.models import Book, DeletedUser, db, title_of
from common.database import is_duplicate
from common.members import Moment, RowId
from common.statements import Statement


class BookPayload(msgspec.Struct):
    """A book, as its owner reads it."""

    # In the order of `COLUMNS`.
    id: RowId
    name: str
    Author: str
    Publisher: str
    book_prize: int | None
    created_at: Moment
    updated_at: Moment


class AlreadyThere(Exception):
    """The shelf holds a book of this name and author."""


class OwnerDeleted(Exception):
    """The owner was deleted: there is no shelf any more."""


COLUMNS = (
    Book.id,
    Book.name,
    Book.Author,
    Book.Publisher,
    Book.book_prize,
    Book.created_at,
    Book.updated_at,
)

NEW = (
    "owner",
    "name",
    "Author",
    "Publisher",
    "book_prize",
    "title",
    "version",
    "created_at",
    "updated_at",
)

_one = (Book.owner == bindparam("owner"), Book.id == bindparam("book_id"))
LIST = Statement(
    db,
    select(*COLUMNS)
    .where(Book.owner == bindparam("owner"), Book.id > bindparam("after"))
    .order_by(Book.id)
    .limit(bindparam("limit")),
)
FIND = Statement(db, select(*COLUMNS).where(*_one))
# Whoever is known to be deleted puts nothing on a shelf, whatever the token says: the statement itself looks.
INSERT = Statement(
    db,
    insert(Book)
    .from_select(
        NEW,
        select(*(bindparam(name, type_=Book.__table__.c[name].type) for name in NEW)).where(
            ~exists().where(DeletedUser.public_id == bindparam("owner", type_=Book.owner.type))
        ),
    )
    .returning(Book.id),
)
DELETE = Statement(db, delete(Book).where(*_one))


def list_books(owner: str, *, after: int, limit: int) -> list[BookPayload]:
    """Return up to `limit` books of `owner` whose id is greater than `after`, by id."""
    return [BookPayload(*row) for row in LIST.rows(owner=owner, after=after, limit=limit)]


def find_book(owner: str, book_id: int) -> BookPayload | None:
    """Return the book, or None if `owner` has no such book."""
    row = FIND.first(owner=owner, book_id=book_id)
    return BookPayload(*row) if row else None


def put_book(owner: str, book: Mapping[str, Any]) -> BookPayload:
    """Put a book (`name`, `Author`, `Publisher`, `book_prize`) on the shelf.

    Raises `AlreadyThere` and `OwnerDeleted`.
    """
    now = datetime.now(UTC)
    row = {
        "owner": owner,
        "name": book["name"],
        "Author": book["Author"],
        "Publisher": book["Publisher"],
        "book_prize": book["book_prize"],
        "title": title_of(book["name"], book["Author"]),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    try:
        made = INSERT.first(**row)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise AlreadyThere from error
    if made is None:
        raise OwnerDeleted
    return BookPayload(made[0], row["name"], row["Author"], row["Publisher"], row["book_prize"], now, now)


def take_book(owner: str, book_id: int) -> bool:
    """Take the book off the shelf; return whether it was there."""
    return DELETE.count(owner=owner, book_id=book_id) == 1

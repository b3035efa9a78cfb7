"""Owns what a shelf is: the statements that find and put the books of one owner (see `editing` for changes).

Every statement names the owner itself, so another user's book is simply not there. Columns are asked for, not
entities (docs/design.md has the measurements). Whoever changes the number of books on a shelf first takes its
row of `shelves`, so that no shelf grows beyond what it may hold, however many write to it at once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Never

import msgspec
from sqlalchemy import Select, bindparam, exists, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from books_service.models import Book, DeletedUser, Shelf, db, fold, title_of
from common.database import is_duplicate
from common.members import Moment, RowId
from common.statements import Row, Statement, Transaction, transaction


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


class Found(NamedTuple):
    """A book, and which of its versions it is: 1, and one more with each change."""

    book: BookPayload
    version: int


class AlreadyThere(Exception):
    """The shelf holds a book of this name and author."""


class OwnerDeleted(Exception):
    """The owner was deleted: there is no shelf any more."""


class Full(Exception):
    """The shelf holds as many books as it may."""


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
    "folded_name",
    "folded_author",
    "folded_publisher",
    "title",
    "version",
    "created_at",
    "updated_at",
)

ONE = (Book.owner == bindparam("owner"), Book.id == bindparam("book_id"))
# The first book from there to there: PostgreSQL then takes the index of that order, whatever it believes of
# the owner's books. By `ONE` it may filter the whole shelf (docs/design.md).
SHOWN = (
    select(*COLUMNS, Book.version)
    .where(Book.owner == bindparam("owner"), Book.id.between(bindparam("book_id"), bindparam("book_id")))
    .order_by(Book.id)
    .limit(1)
)
FIND = Statement(SHOWN)

# Whoever is known to be deleted puts nothing on a shelf, whatever the token says: the statement itself looks.
_room: Select[Any] = select(
    bindparam("owner", type_=Shelf.owner.type), bindparam("count", type_=Shelf.books.type)
).where(
    ~exists().where(DeletedUser.public_id == bindparam("owner", type_=Shelf.owner.type)),
    bindparam("count", type_=Shelf.books.type) <= bindparam("capacity", type_=Shelf.books.type),
)


def _take_room() -> Any:
    """Return the statement that counts `count` more books, if a shelf may hold `capacity` with them."""
    added = postgresql.insert(Shelf).from_select(["owner", "books"], _room)
    return added.on_conflict_do_update(
        index_elements=[Shelf.owner],
        set_={"books": Shelf.books + added.excluded.books},
        where=Shelf.books + added.excluded.books <= bindparam("capacity", type_=Shelf.books.type),
    ).returning(Shelf.owner)


_new = [bindparam(name, type_=Book.__table__.c[name].type) for name in NEW]
_insert = insert(Book).returning(Book.id)
TAKE_ROOM = Statement(_take_room())  # the same words on SQLite
INSERT = Statement(_insert.values(dict(zip(NEW, _new, strict=True))))
_roomy = _take_room().cte("roomy")
PUT_AT_ONCE = Statement(_insert.from_select(NEW, select(*_new).select_from(_roomy)))  # SQLite cannot
IS_DELETED = Statement(select(DeletedUser.public_id).where(DeletedUser.public_id == bindparam("owner")))


def find_book(owner: str, book_id: int) -> Found | None:
    """Return the book, or None if `owner` has no such book."""
    return found_in(FIND.first(owner=owner, book_id=book_id))


def found_in(row: Row | None) -> Found | None:
    """Return the book of a row of `COLUMNS` and the version."""
    return Found(BookPayload(*row[:-1]), row[-1]) if row else None


def new_row(owner: str, book: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what is stored of a new book (`name`, `Author`, `Publisher`, `book_prize`)."""
    name, author = fold(book["name"]), fold(book["Author"])
    return {
        "owner": owner,
        "name": book["name"],
        "Author": book["Author"],
        "Publisher": book["Publisher"],
        "book_prize": book["book_prize"],
        "folded_name": name,
        "folded_author": author,
        "folded_publisher": fold(book["Publisher"]),
        "title": title_of(name, author),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def put_book(owner: str, book: Mapping[str, Any], *, capacity: int) -> BookPayload:
    """Put a book (`name`, `Author`, `Publisher`, `book_prize`) on the shelf, which may hold `capacity`.

    Raises `AlreadyThere`, `Full` and `OwnerDeleted`.
    """
    row = new_row(owner, book, datetime.now(UTC))
    with duplicates_refused():
        return made_of(row, _put(row, capacity))


@contextmanager
def duplicates_refused() -> Iterator[None]:
    """Raise `AlreadyThere` for a title that the shelf holds already."""
    try:
        yield
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise AlreadyThere from error


def _put(row: dict[str, Any], capacity: int) -> int:
    """Store a new book and return its id: in one statement where the database can."""
    if db.engine.dialect.name == "sqlite":
        with transaction(db) as running:
            return put_in(running, row, capacity)
    made = PUT_AT_ONCE.first(**row, count=1, capacity=capacity)
    if made is None:
        _refuse(IS_DELETED.first(owner=row["owner"]))
    return int(made[0])


def put_in(running: Transaction, row: dict[str, Any], capacity: int) -> int:
    """Store a new book in a transaction, and return its id; raises as `put_book` does, but for duplicates."""
    take_room(running, row["owner"], 1, capacity=capacity)
    ((made,),) = running.rows(INSERT, **row)
    return int(made)


def take_room(running: Transaction, owner: str, count: int, *, capacity: int) -> None:
    """Take room for `count` books on a shelf that may hold `capacity`, and hold the shelf to the end."""
    if running.first(TAKE_ROOM, owner=owner, count=count, capacity=capacity) is None:
        _refuse(running.first(IS_DELETED, owner=owner))


def _refuse(deleted: object) -> Never:
    raise OwnerDeleted if deleted else Full


def made_of(row: Mapping[str, Any], book_id: int) -> BookPayload:
    """Return the new book of a row as its owner reads it."""
    return BookPayload(
        book_id,
        row["name"],
        row["Author"],
        row["Publisher"],
        row["book_prize"],
        row["created_at"],
        row["updated_at"],
    )

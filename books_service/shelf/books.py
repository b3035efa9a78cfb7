"""Owns what a shelf is: the statements that find and put the books of one owner (see `editing` for changes).

Every statement names the owner itself, so another user's book is simply not there. Columns are asked for, not
entities (docs/design.md has the measurements). Whoever changes the number of books on a shelf first takes its
row of `shelves`, so that no shelf grows beyond what it may hold, however many write to it at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Never

from pydantic import Field
from sqlalchemy import Connection, Select, bindparam, exists, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from books_service.models import Book, DeletedUser, Shelf, db, fold, title_of
from common.db.engine import is_duplicate
from common.errors import DomainError, TokenRejected


@dataclass(slots=True)
class BookPayload:
    """A book, as its owner reads it."""

    # In the order of `COLUMNS`.
    id: Annotated[int, Field(ge=1, json_schema_extra={"format": "int64"})]
    name: str
    Author: str
    Publisher: str
    book_prize: int | None
    created_at: datetime
    updated_at: datetime


class VersionedBook(NamedTuple):
    """A book, and which of its versions it is: 1, and one more with each change."""

    book: BookPayload
    version: int


class BookNotFound(DomainError):
    """The owner has no such book."""

    status = 404
    code = "book-not-found"
    message = "book does not exist"


class DuplicateBook(DomainError):
    """The shelf holds a book of this name and author."""

    status = 409
    code = "book-exists"
    message = "book already exists"


class ShelfFull(DomainError):
    """The shelf holds as many books as it may."""

    status = 409
    code = "shelf-full"
    message = "shelf is full"


class OwnerDeleted(TokenRejected):
    """The owner was deleted: there is no shelf any more."""

    def __init__(self) -> None:
        super().__init__("user")


COLUMNS = (
    Book.id,
    Book.name,
    Book.Author,
    Book.Publisher,
    Book.book_prize,
    Book.created_at,
    Book.updated_at,
)

INSERT_COLUMNS = (
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

THIS_BOOK = (Book.owner == bindparam("owner"), Book.id == bindparam("book_id"))
# The first book from there to there: PostgreSQL then takes the index of that order, whatever it believes of
# the owner's books. By `THIS_BOOK` it may filter the whole shelf (docs/design.md).
SELECT_BOOK = (
    select(*COLUMNS, Book.version)
    .where(Book.owner == bindparam("owner"), Book.id.between(bindparam("book_id"), bindparam("book_id")))
    .order_by(Book.id)
    .limit(1)
)

# Whoever is known to be deleted puts nothing on a shelf, whatever the token says: the statement itself looks.
ROOM: Select[Any] = select(
    bindparam("owner", type_=Shelf.owner.type), bindparam("count", type_=Shelf.books.type)
).where(
    ~exists().where(DeletedUser.public_id == bindparam("owner", type_=Shelf.owner.type)),
    bindparam("count", type_=Shelf.books.type) <= bindparam("capacity", type_=Shelf.books.type),
)


ADDED = postgresql.insert(Shelf).from_select(["owner", "books"], ROOM)  # the same words on SQLite
# Counts `count` more books, if a shelf may hold `capacity` with them.
TAKE_ROOM = ADDED.on_conflict_do_update(
    index_elements=[Shelf.owner],
    set_={"books": Shelf.books + ADDED.excluded.books},
    where=Shelf.books + ADDED.excluded.books <= bindparam("capacity", type_=Shelf.books.type),
).returning(Shelf.owner)
NEW_BOOK = [bindparam(name, type_=Book.__table__.c[name].type) for name in INSERT_COLUMNS]
INSERT = insert(Book).values(dict(zip(INSERT_COLUMNS, NEW_BOOK, strict=True))).returning(Book.id)
INSERT_WITH_ROOM = (  # both in one statement, which SQLite cannot do
    insert(Book)
    .from_select(INSERT_COLUMNS, select(*NEW_BOOK).select_from(TAKE_ROOM.cte("roomy")))
    .returning(Book.id)
)
IS_DELETED = select(DeletedUser.public_id).where(DeletedUser.public_id == bindparam("owner"))


def find_book(owner: str, book_id: int) -> VersionedBook:
    """Return the book, or raise `BookNotFound` if `owner` has no such book."""
    with db.read() as connection:
        return book_from_row(connection.execute(SELECT_BOOK, {"owner": owner, "book_id": book_id}).first())


def book_from_row(row: Sequence[Any] | None) -> VersionedBook:
    """Return the book of a row of `COLUMNS` and the version; raise `BookNotFound` if there is no row."""
    if row is None:
        raise BookNotFound
    return VersionedBook(BookPayload(*row[:-1]), row[-1])


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

    Raises `DuplicateBook`, `ShelfFull` and `OwnerDeleted`.
    """
    row = new_row(owner, book, datetime.now(UTC))
    with duplicates_refused():
        return payload_from_row(row, _insert(row, capacity))


@contextmanager
def duplicates_refused() -> Iterator[None]:
    """Raise `DuplicateBook` for a title that the shelf holds already."""
    try:
        yield
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise DuplicateBook from error


def _insert(row: Mapping[str, Any], capacity: int) -> int:
    """Store a new book and return its id: in one statement where the database can."""
    if db.is_sqlite:
        with db.write() as connection:
            return insert_book(connection, row, capacity)
    with db.read() as connection:
        inserted = connection.execute(INSERT_WITH_ROOM, {**row, "count": 1, "capacity": capacity}).first()
        return int(inserted[0]) if inserted else _refuse(connection, row["owner"])


def insert_book(connection: Connection, row: Mapping[str, Any], capacity: int) -> int:
    """Store a new book in a transaction, and return its id; raises as `put_book` does, but for duplicates."""
    take_room(connection, row["owner"], 1, capacity=capacity)
    return int(connection.execute(INSERT, row).scalar_one())


def take_room(connection: Connection, owner: str, count: int, *, capacity: int) -> None:
    """Take room for `count` books on a shelf that may hold `capacity`, and hold the shelf to the end."""
    room = {"owner": owner, "count": count, "capacity": capacity}
    if connection.execute(TAKE_ROOM, room).first() is None:
        _refuse(connection, owner)


def _refuse(connection: Connection, owner: str) -> Never:
    raise OwnerDeleted if connection.execute(IS_DELETED, {"owner": owner}).first() else ShelfFull


def payload_from_row(row: Mapping[str, Any], book_id: int) -> BookPayload:
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

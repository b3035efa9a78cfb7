"""Putting a book on a shelf.

What changes the number of books on a shelf first takes its row of `shelves`, so no shelf outgrows its limit,
however many requests write to it at once.
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Never

from sqlalchemy import Connection, bindparam, exists, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from books_service.models import Book, Shelf, db
from books_service.shelf.find import COLUMNS, MEMBERS, BookPayload
from common.db.engine import is_duplicate
from common.errors import DomainError, TokenRevoked
from common.feed.models import DeletedUser

QUOTES = dict.fromkeys(map(ord, "‘’‚‛"), "'") | dict.fromkeys(map(ord, "“”„‟"), '"')
INSERT_COLUMNS = tuple(name for name in Book.__table__.c.keys() if name != "id")  # noqa: SIM118 - no mapping

_owner = bindparam("owner", type_=Shelf.owner.type)
_count = bindparam("count", type_=Shelf.books.type)
_capacity = bindparam("capacity", type_=Shelf.books.type)
IS_DELETED = select(DeletedUser.public_id).where(DeletedUser.public_id == _owner)
# A deleted user gets nothing put on a shelf, whatever the token says: the statement itself looks.
_room = select(_owner, _count).where(~exists().where(DeletedUser.public_id == _owner), _count <= _capacity)
_added = postgresql.insert(Shelf).from_select(["owner", "books"], _room)  # the same words on SQLite
# Counts `count` more books, if a shelf may hold `capacity` with them.
TAKE_ROOM = _added.on_conflict_do_update(
    index_elements=[Shelf.owner],
    set_={"books": Shelf.books + _added.excluded.books},
    where=Shelf.books + _added.excluded.books <= _capacity,
).returning(Shelf.owner)
INSERT = insert(Book).returning(*COLUMNS)
_new_book = [bindparam(name, type_=Book.__table__.c[name].type) for name in INSERT_COLUMNS]
INSERT_WITH_ROOM = INSERT.from_select(  # both in one statement, which SQLite cannot do
    INSERT_COLUMNS, select(*_new_book).select_from(TAKE_ROOM.cte("roomy"))
)


class DuplicateBook(DomainError):
    status = 409
    code = "book-exists"
    message = "book already exists"


class ShelfFull(DomainError):
    status = 409
    code = "shelf-full"
    message = "shelf is full"


def put_book(owner: str, book: Mapping[str, Any], *, capacity: int) -> BookPayload:
    """Put a book (its `MEMBERS`) on the shelf, which may hold `capacity`.

    Raises `DuplicateBook`, `ShelfFull`, and `TokenRevoked` if the owner was deleted.
    """
    row = new_row(owner, book, datetime.now(UTC))
    if db.is_sqlite:
        with duplicates_refused(), db.write() as connection:
            return insert_book(connection, row, capacity)
    with duplicates_refused(), db.read() as connection:
        inserted = connection.execute(INSERT_WITH_ROOM, {**row, "count": 1, "capacity": capacity}).first()
        return BookPayload(*inserted) if inserted else _refuse_room(connection, owner)


def new_row(owner: str, book: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what is stored of a new book (its `MEMBERS`)."""
    return {
        "owner": owner,
        **{name: book[name] for name in MEMBERS},
        **folded_columns(book),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def folded_columns(book: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that a book is compared by."""
    name, author, publisher = (fold_text(book[member]) for member in ("name", "Author", "Publisher"))
    return {
        "folded_name": name,
        "folded_author": author,
        "folded_publisher": publisher,
        # No word holds a line feed, so none is found across two texts.
        "search_text": search_form(f"{name}\n{author}\n{publisher}"),
        # Together the texts can be longer than PostgreSQL takes into an index row (2,704 bytes).
        "title": hashlib.sha256(f"{name}\0{author}".encode()).digest(),
    }


def fold_text(text: str) -> str:
    """Return the form in which texts are compared: NFC, case-folded, and NFC again."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def search_form(folded: str) -> str:
    """Return a folded text as words are looked for in it: without accents and typographic quotes."""
    if folded.isascii():
        return folded
    letters = unicodedata.normalize("NFD", folded.translate(QUOTES))
    plain = "".join(each for each in letters if unicodedata.category(each) != "Mn")
    return unicodedata.normalize("NFC", plain)


@contextmanager
def duplicates_refused() -> Iterator[None]:
    """Raise `DuplicateBook` for a title that the shelf holds already."""
    try:
        yield
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise DuplicateBook from error


def insert_book(connection: Connection, row: Mapping[str, Any], capacity: int) -> BookPayload:
    """Store a new book in a transaction, and return it; raises as `put_book` does, but for duplicates."""
    take_room(connection, row["owner"], 1, capacity=capacity)
    return BookPayload(*connection.execute(INSERT, row).one())


def take_room(connection: Connection, owner: str, count: int, *, capacity: int) -> None:
    """Take room for `count` books on a shelf that may hold `capacity`, and hold the shelf to the end."""
    room = {"owner": owner, "count": count, "capacity": capacity}
    if connection.execute(TAKE_ROOM, room).first() is None:
        _refuse_room(connection, owner)


def _refuse_room(connection: Connection, owner: str) -> Never:
    is_deleted = connection.execute(IS_DELETED, {"owner": owner}).first()
    raise TokenRevoked("user") if is_deleted else ShelfFull

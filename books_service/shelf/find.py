"""One book of a shelf, as its owner reads it.

Every statement names the owner, so another user's book is simply not there. Columns are selected, not
entities (docs/design.md has the measurements).
"""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection, Select, bindparam, select

from books_service.models import Book, Shelf, db
from common.errors import NotFound
from common.web.field_types import Timestamp


@dataclass(slots=True)
class BookPayload:
    """A book, as its owner reads it."""

    id: Annotated[int, Field(ge=1, json_schema_extra={"format": "int64"})]
    name: str
    Author: str
    Publisher: str
    book_prize: int | None
    created_at: Timestamp
    updated_at: Timestamp
    version: Annotated[int, Field(exclude=True)] = 1  # one more with each change

    @property
    def etag(self) -> str:
        """Return the strong entity tag of this version (RFC 9110 section 8.8.3)."""
        return f'"{self.version}"'


COLUMNS = tuple(getattr(Book, field.name) for field in fields(BookPayload))
OURS = ("id", "created_at", "updated_at", "version")  # what no client sets
MEMBERS = tuple(field.name for field in fields(BookPayload) if field.name not in OURS)

# The first book from there to there: PostgreSQL then takes the index of that order, whatever it believes of
# the owner's books. By equality it may filter the whole shelf (docs/design.md).
SELECT_BOOK = (
    select(*COLUMNS)
    .where(Book.owner == bindparam("owner"), Book.id.between(bindparam("book_id"), bindparam("book_id")))
    .order_by(Book.id)
    .limit(1)
)
COUNT_BOOKS = select(Shelf.books).where(Shelf.owner == bindparam("owner"))


class BookNotFound(NotFound):
    message = "book does not exist"


def find_book(owner: str, book_id: int) -> BookPayload:
    """Return the book, or raise `BookNotFound` if `owner` has no such book."""
    with db.read() as connection:
        return select_book(connection, SELECT_BOOK, owner, book_id)


def select_book(connection: Connection, statement: Select[Any], owner: str, book_id: int) -> BookPayload:
    """Return the book that `statement`, a form of `SELECT_BOOK`, finds, or raise `BookNotFound`."""
    row = connection.execute(statement, {"owner": owner, "book_id": book_id}).first()
    if row is None:
        raise BookNotFound
    return BookPayload(*row)

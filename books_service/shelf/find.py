"""One book of a shelf, as its owner reads it.

Every statement names the owner, so another user's book is simply not there. Columns are selected, not
entities (docs/design.md has the measurements).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import Field
from sqlalchemy import bindparam, select

from books_service.models import Book, db
from common.errors import DomainError


@dataclass(slots=True)
class BookPayload:
    """A book, as its owner reads it."""

    id: Annotated[int, Field(ge=1, json_schema_extra={"format": "int64"})]
    name: str
    Author: str
    Publisher: str
    book_prize: int | None
    created_at: datetime
    updated_at: datetime


COLUMNS = tuple(getattr(Book, field.name) for field in fields(BookPayload))

# The first book from there to there: PostgreSQL then takes the index of that order, whatever it believes of
# the owner's books. By equality it may filter the whole shelf (docs/design.md).
SELECT_BOOK = (
    select(*COLUMNS, Book.version)
    .where(Book.owner == bindparam("owner"), Book.id.between(bindparam("book_id"), bindparam("book_id")))
    .order_by(Book.id)
    .limit(1)
)


class VersionedBook(NamedTuple):
    """A book, and which of its versions it is: 1, and one more with each change."""

    book: BookPayload
    version: int


class BookNotFound(DomainError):
    """The owner has no such book."""

    status = 404
    code = "book-not-found"
    message = "book does not exist"


def find_book(owner: str, book_id: int) -> VersionedBook:
    """Return the book, or raise `BookNotFound` if `owner` has no such book."""
    with db.read() as connection:
        return versioned_book(connection.execute(SELECT_BOOK, {"owner": owner, "book_id": book_id}).first())


def versioned_book(row: Sequence[Any] | None) -> VersionedBook:
    """Return the book of a row of `SELECT_BOOK`, or raise `BookNotFound` if there is none."""
    if row is None:
        raise BookNotFound
    return VersionedBook(book_from_row(row), row[-1])


def book_from_row(row: Sequence[Any]) -> BookPayload:
    """Return the book of a row that begins with `COLUMNS`."""
    return BookPayload(*row[: len(COLUMNS)])

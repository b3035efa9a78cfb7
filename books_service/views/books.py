"""Owns the routes of a shelf."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Response, abort, g

from books_service import shelf
from books_service.guards import require_not_ended
from books_service.shelf import BookPayload
from common.answers import answer
from common.api import Blueprint
from common.auth import refuse_token, require_token, verifier
from common.fields import Cursor, QueryNumber, StrictSchema, Text, WholeNumber
from common.openapi import TOKEN
from common.pages import page_after, page_end

blueprint = Blueprint(
    "books",
    __name__,
    description="The books of the user whom the token names",
    guards=[require_token, require_not_ended],
    security=TOKEN,
)


class NewBook(StrictSchema):
    """A book to be put on the shelf."""

    name = Text(high=200, required=True, metadata={"examples": ["Eric"]})
    Author = Text(high=200, required=True, metadata={"examples": ["Terry Pratchett"]})
    Publisher = Text(high=200, required=True, metadata={"examples": ["Gollancz"]})
    book_prize = WholeNumber(
        low=0, high=2**31 - 1, load_default=None, allow_none=True, metadata={"examples": [12]}
    )


class Page(StrictSchema):
    """Which part of a list is wanted."""

    limit = QueryNumber(low=1, high=200, load_default=50, metadata={"description": "Books a page."})
    cursor = Cursor()


class BookList(msgspec.Struct):
    """A page of the shelf; `next` is the cursor of the page behind it, null on the last."""

    list_of_books: list[BookPayload]
    next: str | None


class Created(msgspec.Struct):
    """The book that was put on the shelf."""

    message: str
    book: BookPayload


class Deleted(msgspec.Struct):
    """The book is gone."""

    message: str = "Book deleted"


MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ERIC = BookPayload(1, "Eric", "Terry Pratchett", "Gollancz", 12, MADE_AT, MADE_AT)
NO_SUCH_BOOK = "book does not exist"
KNOWN_BOOK = "book already exists"


def create_book(body: dict[str, Any]) -> Response:
    """Put a book on the shelf; name and author together are there once, in any case."""
    try:
        book = shelf.put_book(g.identity.public_id, body)
    except shelf.AlreadyThere:
        abort(409, KNOWN_BOOK)
    except shelf.OwnerDeleted:
        refuse_token("user")
    return answer(Created("new books created", book), 201, {"Location": f"/books/{book.id}"})


# The tutorial's clients post to /book; both are one route.
for rule in ("/books", "/book"):
    blueprint.operation(
        f"POST {rule}",
        body=NewBook,
        answers={201: Created("new books created", ERIC)},
        refuses={409: KNOWN_BOOK},
    )(create_book)


@blueprint.operation(
    "GET /books",
    query=Page,
    answers={200: BookList([ERIC], None)},
    headers={"Link": "The address of the next page, if there is one (RFC 8288)."},
)
def list_books(limit: int, cursor: str | None) -> Response:
    """List the shelf by id, a page at a time."""
    keys, owner = verifier().keys.current(), g.identity.public_id
    after = page_after(keys, ["books", owner], cursor)
    books = shelf.list_books(owner, after=after, limit=limit + 1)
    end = page_end(keys, ["books", owner], [book.id for book in books], limit)
    response = answer(BookList(books[:limit], end))
    if end:
        response.headers["Link"] = f'</books?limit={limit}&cursor={end}>; rel="next"'
    return response


@blueprint.operation("GET /books/<row:book_id>", answers={200: ERIC}, refuses={404: NO_SUCH_BOOK})
def show_book(book_id: int) -> Response:
    """Show one book."""
    book = shelf.find_book(g.identity.public_id, book_id) or abort(404, NO_SUCH_BOOK)
    return answer(book, headers={"Cache-Control": "private, no-cache"})


@blueprint.operation("DELETE /books/<row:book_id>", answers={200: Deleted()}, refuses={404: NO_SUCH_BOOK})
def delete_book(book_id: int) -> Response:
    """Take one book off the shelf."""
    if not shelf.take_book(g.identity.public_id, book_id):
        abort(404, NO_SUCH_BOOK)
    return answer(Deleted())

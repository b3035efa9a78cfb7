"""Owns the routes of single books."""

from typing import Any

import msgspec
from flask import Response, abort

from books_service import shelf
from books_service.shelf import BookPayload
from books_service.views.blueprint import ERIC, FULL, blueprint, capacity, owner
from common.answers import answer
from common.auth import refuse_token
from common.fields import StrictSchema, Text, WholeNumber


class NewBook(StrictSchema):
    """A book to be put on the shelf."""

    name = Text(high=200, required=True, metadata={"examples": ["Eric"]})
    Author = Text(high=200, required=True, metadata={"examples": ["Terry Pratchett"]})
    Publisher = Text(high=200, required=True, metadata={"examples": ["Gollancz"]})
    book_prize = WholeNumber(
        low=0, high=2**31 - 1, load_default=None, allow_none=True, metadata={"examples": [12]}
    )


class Created(msgspec.Struct):
    """The book that was put on the shelf."""

    message: str
    book: BookPayload


class Deleted(msgspec.Struct):
    """The book is gone."""

    message: str = "Book deleted"


NO_SUCH_BOOK = "book does not exist"
KNOWN_BOOK = "book already exists"


def create_book(body: dict[str, Any]) -> Response:
    """Put a book on the shelf; name and author together are there once, in any case."""
    try:
        book = shelf.put_book(owner(), body, capacity=capacity())
    except shelf.AlreadyThere:
        abort(409, KNOWN_BOOK)
    except shelf.Full:
        abort(409, FULL)
    except shelf.OwnerDeleted:
        refuse_token("user")
    return answer(Created("new books created", book), 201, {"Location": f"/books/{book.id}"})


# The tutorial's clients post to /book; both are one route.
for rule in ("/books", "/book"):
    blueprint.operation(
        f"POST {rule}",
        body=NewBook,
        answers={201: Created("new books created", ERIC)},
        refuses={409: f"{KNOWN_BOOK}, or {FULL}"},
    )(create_book)


@blueprint.operation("GET /books/<row:book_id>", answers={200: ERIC}, refuses={404: NO_SUCH_BOOK})
def show_book(book_id: int) -> Response:
    """Show one book."""
    book = shelf.find_book(owner(), book_id) or abort(404, NO_SUCH_BOOK)
    return answer(book, headers={"Cache-Control": "private, no-cache"})


@blueprint.operation("DELETE /books/<row:book_id>", answers={200: Deleted()}, refuses={404: NO_SUCH_BOOK})
def delete_book(book_id: int) -> Response:
    """Take one book off the shelf."""
    if not shelf.take_book(owner(), book_id):
        abort(404, NO_SUCH_BOOK)
    return answer(Deleted())

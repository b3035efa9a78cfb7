"""Owns the route that lists a shelf."""

import msgspec
from flask import Response

from books_service import shelf
from books_service.shelf import BookPayload
from books_service.views.blueprint import ERIC, blueprint, owner
from common.answers import answer
from common.auth import verifier
from common.fields import Cursor, QueryNumber, StrictSchema
from common.pages import page_after, page_end


class Page(StrictSchema):
    """Which part of a list is wanted."""

    limit = QueryNumber(low=1, high=200, load_default=50, metadata={"description": "Books a page."})
    cursor = Cursor()


class BookList(msgspec.Struct):
    """A page of the shelf; `next` is the cursor of the page behind it, null on the last."""

    list_of_books: list[BookPayload]
    next: str | None


@blueprint.operation(
    "GET /books",
    query=Page,
    answers={200: BookList([ERIC], None)},
    headers={"Link": "The address of the next page, if there is one (RFC 8288)."},
)
def list_books(limit: int, cursor: str | None) -> Response:
    """List the shelf by id, a page at a time."""
    keys, listing = verifier().keys.current(), ["books", owner()]
    after = page_after(keys, listing, cursor)
    books = shelf.list_books(owner(), after=after, limit=limit + 1)
    end = page_end(keys, listing, [book.id for book in books], limit)
    response = answer(BookList(books[:limit], end))
    if end:
        response.headers["Link"] = f'</books?limit={limit}&cursor={end}>; rel="next"'
    return response

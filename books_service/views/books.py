"""Owns the routes of single books."""

from typing import Any

import msgspec
from flask import Response

from books_service.shelf import books as shelf
from books_service.shelf import edit as editing
from books_service.shelf.books import BookNotFound, BookPayload, DuplicateBook, ShelfFull, VersionedBook
from books_service.shelf.edit import PreconditionFailed
from books_service.shelf.idempotency import RequestInProgress, put_book_once
from books_service.views.blueprint import ERIC, blueprint, capacity, owner
from common.web.answers import JSON, answer, not_modified
from common.web.etags import IF_MATCH, IF_NONE_MATCH, Conditions, etag_of
from common.web.fields import StrictSchema, Text, WholeNumber
from common.web.parsing import MERGE_PATCH
from common.web.request_headers import RequestHeader

Asked = dict[str, str | None]  # the headers with the client's conditions, None for those not sent

HIGHEST_PRIZE = 2**31 - 1
ETAG = {"ETag": "The version of the book: another one after every change (RFC 9110 section 8.8.3)."}
KEY = RequestHeader(
    "Idempotency-Key",
    "A new random text for each book that is to be made, such as a UUID: a request that is repeated with it"
    " within 24 hours makes no second book but gets the first answer again.",
    pattern="^[!-~]{1,255}$",
    rule="must be one value of 1 to 255 visible ASCII characters",
)
REPLAYED = {"Idempotency-Replayed": "`true` if the answer is that of an earlier request with this key."}


class NewBook(StrictSchema):
    """A book to be put on the shelf."""

    name = Text(high=200, required=True, metadata={"examples": ["Eric"]})
    Author = Text(high=200, required=True, metadata={"examples": ["Terry Pratchett"]})
    Publisher = Text(high=200, required=True, metadata={"examples": ["Gollancz"]})
    book_prize = WholeNumber(
        low=0, high=HIGHEST_PRIZE, load_default=None, allow_none=True, metadata={"examples": [12]}
    )


class BookChange(StrictSchema):
    """What is to become of a book (RFC 7396): what is left out stays, and null takes the prize away."""

    name = Text(high=200)
    Author = Text(high=200)
    Publisher = Text(high=200)
    book_prize = WholeNumber(low=0, high=HIGHEST_PRIZE, allow_none=True, metadata={"examples": [12]})


class Created(msgspec.Struct):
    """The book that was put on the shelf."""

    message: str
    book: BookPayload


class Deleted(msgspec.Struct):
    """The book is gone."""

    message: str = "Book deleted"


def create_book(body: dict[str, Any], idempotency_key: str | None) -> Response:
    """Put a book on the shelf; name and author together are there once, in any case."""
    if idempotency_key is None:
        return created(shelf.put_book(owner(), body, capacity=capacity()))
    once = put_book_once(owner(), idempotency_key, body, capacity=capacity())
    response = created(once.book)
    if once.is_replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def created(book: BookPayload) -> Response:
    """Return the answer to whoever put the book on the shelf."""
    headers = {"Location": f"/books/{book.id}", "ETag": etag_of(1)}
    return answer(Created("new books created", book), 201, headers)


CONFLICTS = ", or ".join(each.message for each in (DuplicateBook, ShelfFull, RequestInProgress))

# The tutorial's clients post to /book; both are one route.
for rule in ("/books", "/book"):
    blueprint.operation(
        f"POST {rule}",
        body=NewBook,
        reads=[KEY],
        answers={201: Created("new books created", ERIC)},
        headers=ETAG | REPLAYED,
        refuses={409: CONFLICTS},
    )(create_book)


@blueprint.operation(
    "GET /books/<row:book_id>",
    reads=[IF_MATCH, IF_NONE_MATCH],
    answers={200: ERIC, 304: None},
    headers=ETAG,
    refuses={404: BookNotFound.message, 412: PreconditionFailed.message},
)
def show_book(book_id: int, **asked: str | None) -> Response:
    """Show one book."""
    found = shelf.find_book(owner(), book_id)
    etag, conditions = etag_of(found.version), Conditions(**asked)
    if not conditions.match(etag):
        raise PreconditionFailed
    return not_modified(headers_of(found)) if conditions.know(etag) else shown(found)


def shown(found: VersionedBook) -> Response:
    """Return the answer that shows the book."""
    return answer(found.book, headers=headers_of(found))


def headers_of(found: VersionedBook) -> dict[str, str]:
    """Return the headers of an answer that shows the book: a cache has to ask whether it is still the one."""
    return {"ETag": etag_of(found.version), "Cache-Control": "private, no-cache"}


@blueprint.operation(
    "PUT /books/<row:book_id>",
    body=NewBook,
    reads=[IF_MATCH, IF_NONE_MATCH],
    answers={200: ERIC},
    headers=ETAG,
    refuses={404: BookNotFound.message, 409: DuplicateBook.message, 412: PreconditionFailed.message},
)
def replace_book(book_id: int, body: dict[str, Any], **asked: str | None) -> Response:
    """Give one book all its members anew; without a prize it has none."""
    return changed(book_id, body, asked)


@blueprint.operation(
    "PATCH /books/<row:book_id>",
    body=BookChange,
    body_types=[MERGE_PATCH, JSON],
    reads=[IF_MATCH, IF_NONE_MATCH],
    answers={200: ERIC},
    headers=ETAG,
    refuses={404: BookNotFound.message, 409: DuplicateBook.message, 412: PreconditionFailed.message},
)
def change_book(book_id: int, body: dict[str, Any], **asked: str | None) -> Response:
    """Change some members of one book."""
    return changed(book_id, body, asked)


def changed(book_id: int, members: dict[str, Any], asked: Asked) -> Response:
    """Give the book these members, if the client's conditions hold, and show it."""
    return shown(editing.change_book(owner(), book_id, members, is_expected=wanted(asked)))


@blueprint.operation(
    "DELETE /books/<row:book_id>",
    reads=[IF_MATCH, IF_NONE_MATCH],
    answers={200: Deleted()},
    refuses={404: BookNotFound.message, 412: PreconditionFailed.message},
)
def delete_book(book_id: int, **asked: str | None) -> Response:
    """Take one book off the shelf."""
    editing.delete_book(owner(), book_id, is_expected=wanted(asked))
    return answer(Deleted())


def wanted(asked: Asked) -> editing.VersionCheck | None:
    """Return what the client's conditions say of the version of a book that is to be changed."""
    conditions = Conditions(**asked)
    if conditions == Conditions():
        return None
    return lambda version: conditions.allow_change(etag_of(version))

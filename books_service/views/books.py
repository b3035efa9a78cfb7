"""The routes of single books."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Response, current_app
from pydantic import MISSING, Field, JsonValue

from books_service.shelf.edit import remove_book, update_book
from books_service.shelf.find import BookNotFound, BookPayload, find_book
from books_service.shelf.idempotency import KeyReused, RequestInProgress, TooManyKeys, put_book_once
from books_service.shelf.put import DuplicateBook, ShelfFull, put_book
from common.errors import PreconditionFailed
from common.web.etags import Preconditions
from common.web.field_types import Schema, Text, WholeNumber
from common.web.guard import owned_blueprint, owner
from common.web.parsing import MERGE_PATCH
from common.web.routes import JSON, empty_response, json_response

ETAG = {"ETag": "The version of the book: another one after every change (RFC 9110 section 8.8.3)."}
REPLAYED = {"Idempotency-Replayed": "`true` if the answer is that of an earlier request with this key."}

MADE_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ERIC = BookPayload(1, "Eric", "Terry Pratchett", "Gollancz", 12, MADE_AT, MADE_AT)

blueprint = owned_blueprint("books", "The books of the user whom the token names")

BookText = Annotated[Text, Field(max_length=200)]
Prize = Annotated[int, Field(ge=0, le=2**31 - 1, examples=[12]), WholeNumber]


class NewBook(Schema):
    """A book to be put on the shelf."""

    name: Annotated[BookText, Field(examples=["Eric"])]
    Author: Annotated[BookText, Field(examples=["Terry Pratchett"])]
    Publisher: Annotated[BookText, Field(examples=["Gollancz"])]
    book_prize: Prize | None = None


def _ignored(**schema: JsonValue) -> Any:
    """Return the field of what GET shows like `schema`, and PUT takes in any form."""
    return Field(None, exclude=True, json_schema_extra={"readOnly": True, "anyOf": [schema, {}]})


class WholeBook(NewBook):
    """A book as `GET` shows it; what the service sets may be there, and is ignored."""

    id: Any = _ignored(type="integer", format="int64")
    created_at: Any = _ignored(type="string", format="date-time")
    updated_at: Any = _ignored(type="string", format="date-time")


class BookChange(Schema):
    """How to change a book (RFC 7396): what is left out stays, and null takes the prize away."""

    name: BookText | MISSING = MISSING
    Author: BookText | MISSING = MISSING
    Publisher: BookText | MISSING = MISSING
    book_prize: Prize | MISSING | None = Field(MISSING, examples=[15])


class Idempotency(Schema):
    key: str | MISSING = Field(
        default=MISSING,
        alias="Idempotency-Key",
        pattern="^[!-~]{1,255}$",
        description=(
            "A new random text for each new book, such as a UUID: a request that is repeated with it within"
            " 24 hours makes no second book but gets the first answer again."
        ),
    )


def capacity() -> int:
    """Return how many books a shelf may hold."""
    return int(current_app.extensions["settings"].books_per_user)


@dataclass(slots=True)
class BookCreated:
    """The book that was put on the shelf."""

    message: str
    book: BookPayload


@dataclass(slots=True)
class BookDeleted:
    """The book is gone."""

    message: str = "Book deleted"


@blueprint.operation(
    "POST /books",
    legacy="/book",  # where clients of the tutorial post
    responses={201: BookCreated("new books created", ERIC)},
    headers=ETAG | REPLAYED,
    errors=[DuplicateBook, ShelfFull, RequestInProgress, KeyReused, TooManyKeys],
)
def create_book(body: NewBook, headers: Idempotency) -> Response:
    """Put a book on the shelf; name and author together are there once, in any case."""
    fields = {}
    if headers.key is MISSING:
        book = put_book(owner(), body.model_dump(), capacity=capacity())
    else:
        book, is_replayed = put_book_once(owner(), headers.key, body.model_dump(), capacity=capacity())
        fields = {"Idempotency-Replayed": "true"} if is_replayed else {}
    fields |= {"Location": f"/books/{book.id}", "ETag": book.etag}
    return json_response(BookCreated("new books created", book), 201, fields)


@blueprint.operation(
    "GET /books/<row:book_id>",
    responses={200: ERIC, 304: None},
    headers=ETAG,
    errors=[BookNotFound, PreconditionFailed],
)
def show_book(book_id: int, headers: Preconditions) -> Response:
    """Show one book."""
    book = find_book(owner(), book_id)
    if not headers.match(book.etag):
        raise PreconditionFailed
    return empty_response(304, headers_of(book)) if headers.know(book.etag) else shown(book)


def shown(book: BookPayload) -> Response:
    return json_response(book, headers=headers_of(book))


def headers_of(book: BookPayload) -> dict[str, str]:
    """Return the headers of an answer that shows the book: a cache has to ask whether it is still the one."""
    return {"ETag": book.etag, "Cache-Control": "private, no-cache"}


@blueprint.operation(
    "PUT /books/<row:book_id>",
    responses={200: ERIC},
    headers=ETAG,
    errors=[BookNotFound, DuplicateBook, PreconditionFailed],
)
def replace_book(book_id: int, body: WholeBook, headers: Preconditions) -> Response:
    """Give one book all its members anew; without a prize it has none."""
    return shown(update_book(owner(), book_id, body.model_dump(), headers.allow_change))


@blueprint.operation(
    "PATCH /books/<row:book_id>",
    body_types=[MERGE_PATCH, JSON],
    responses={200: ERIC},
    headers=ETAG,
    errors=[BookNotFound, DuplicateBook, PreconditionFailed],
)
def change_book(book_id: int, body: BookChange, headers: Preconditions) -> Response:
    """Change some members of one book."""
    return shown(update_book(owner(), book_id, body.model_dump(), headers.allow_change))


@blueprint.operation(
    "DELETE /books/<row:book_id>", responses={200: BookDeleted()}, errors=[BookNotFound, PreconditionFailed]
)
def delete_book(book_id: int, headers: Preconditions) -> Response:
    """Take one book off the shelf."""
    remove_book(owner(), book_id, headers.allow_change)
    return json_response(BookDeleted())

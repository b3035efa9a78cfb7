"""The routes that move a whole shelf: out as a file, and in from one."""

import io
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from contextlib import ExitStack
from functools import lru_cache
from itertools import chain
from typing import Annotated, Literal

from flask import Flask, Response, current_app, request, stream_with_context
from pydantic import MISSING, Field
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import LengthRequired

from books_service.settings import BooksSettings
from books_service.shelf.find import MEMBERS
from books_service.shelf.put import ShelfFull
from books_service.transfer import importing
from books_service.transfer.bulk import export
from books_service.transfer.formats import BY_TYPE, CSV, FORMATS, IMPORTED, Format
from books_service.transfer.importing import Rows
from books_service.transfer.lines import Lines, NotUtf8, TooManyRecords
from books_service.views.books import ERIC, NewBook, capacity
from common.errors import InvalidRequest
from common.ops.limits import ConcurrencyLimit
from common.web.field_types import Digits, Schema
from common.web.guard import owned_blueprint, owner
from common.web.parsing import MAX_BODY, FieldError, read_body, read_media_type
from common.web.routes import json_response

MAX_FILE = 16 * 1024 * 1024  # bytes
OF_ONE_USER = 2  # exports, and long files, at once in a worker: nobody takes all places
USERS = 4096  # whose limits a worker remembers: more than it can have at work

blueprint = owned_blueprint("transfer", "The whole shelf as a file, out and in")

BOOK = [getattr(ERIC, member) for member in MEMBERS]
EXAMPLES = {name: (form.head + form.write([BOOK])).decode() for name, form in IMPORTED.items()}

FILE = (
    "A file of up to 16 MiB and a million records, in UTF-8; CSV also in UTF-16 with a byte order mark."
    " The first line of CSV names the columns, in any order; `book_prize` may be missing."
    " NDJSON has a book a line, with the members of `POST /books`."
)


def init_app(app: Flask, settings: BooksSettings) -> None:
    """Let exports, and long files, take a quarter of a worker's threads each: a slow client holds one.

    A file is up to 16 MiB, and thrice that when it is read, which one at a time is.
    """
    quarter = max(1, settings.threads // 4)
    app.extensions["exports"] = ConcurrencyLimit(quarter, waiting=quarter // 2, wait=5)
    app.extensions["long_files"] = ConcurrencyLimit(quarter, waiting=quarter // 2, wait=5)
    app.extensions["long_file_at_work"] = ConcurrencyLimit(1, waiting=quarter - 1, wait=30)


@lru_cache(USERS)
def limit_of(_user: str, _what: str) -> ConcurrencyLimit:
    """Return what limits the exports, or the long files, of one user in this process."""
    return ConcurrencyLimit(OF_ONE_USER)


Flag = Annotated[int, Field(ge=0, le=1), Digits]


class Export(Schema):
    format: Literal["csv", "ndjson"] | MISSING = Field(
        MISSING, description="Left out: what `Accept` prefers, else csv."
    )
    bom: Annotated[Flag, Field(description="1: CSV begins with a byte order mark, for Excel.")] = 0


class Import(Schema):
    dry_run: Annotated[Flag, Field(description="1: answer as the import would, and store nothing.")] = 0
    on_duplicate: Annotated[
        Literal["skip", "fail"],
        Field(description="What to do with a book that the shelf has, or the file twice."),
    ] = "skip"


@blueprint.operation(
    "GET /books/export",
    responses={200: {name: EXAMPLES[name] for name in BY_TYPE}},
    headers={"Content-Disposition": "A name for the file (RFC 6266)."},
)
def export_books(query: Export) -> Response:
    """Write the whole shelf into a file, by id."""
    form = preferred() if query.format is MISSING else FORMATS[query.format]
    with ExitStack() as held:
        held.enter_context(limit_of(owner(), "exports").slot())
        held.enter_context(current_app.extensions["exports"].slot())
        pieces = export(owner(), form)
        first = next(pieces)  # what fails here still gets an answer of its own
        if query.bom and form is CSV:
            first = BOM_UTF8 + first
        response = Response(stream_with_context(chain([first], pieces)), content_type=form.content_type)
        response.call_on_close(held.pop_all().close)
    response.headers["Content-Disposition"] = f'attachment; filename="books.{form.name}"'
    response.vary.add("Accept")
    return response


def preferred() -> Format:
    """Return the format that the client prefers (RFC 9110 section 12.5.1), CSV if it likes neither.

    Parameters of a type, such as its charset, leave no choice here, so they are no part of the comparison.
    """
    ranges = [(value.partition(";")[0].strip(), quality) for value, quality in request.accept_mimetypes]
    best = MIMEAccept(ranges).best_match([*BY_TYPE])
    return BY_TYPE[best] if best else CSV


@blueprint.operation(
    "POST /books/import",
    files=EXAMPLES,
    file_description=FILE,
    responses={200: importing.ImportResult(99, 1)},
    errors=[ShelfFull, NotUtf8, TooManyRecords],
)
def import_books(query: Import | None, errors: list[FieldError]) -> Response:
    """Put all books of a file on the shelf, or none."""
    with ExitStack() as held:
        if is_long():
            held.enter_context(limit_of(owner(), "long_files").slot())
            held.enter_context(current_app.extensions["long_files"].slot())
        body = read_file()
        if is_long():
            held.enter_context(current_app.extensions["long_file_at_work"].slot())
        fail = query is not None and query.on_duplicate == "fail"
        rows = read_rows(IMPORTED[read_media_type(IMPORTED)], body, fail=fail)
        if query is None or errors:
            raise InvalidRequest([*errors, *rows.errors], len(errors) + rows.error_count)
        dry_run = bool(query.dry_run)
        return json_response(importing.put_books(owner(), rows, capacity=capacity(), dry_run=dry_run))


def is_long() -> bool:
    """Return whether the body may be longer than that of any other request."""
    length = request.content_length
    return length is None or length > MAX_BODY


def read_file() -> io.BytesIO:
    """Return the body of the request, or refuse with 411, 413 or 415."""
    if request.content_length is None and not request.environ.get("wsgi.input_terminated"):
        raise LengthRequired  # a file that was cut off would pass for a whole one
    return io.BytesIO(read_body([*IMPORTED], MAX_FILE).removeprefix(BOM_UTF8))


def read_rows(form: Format, body: io.BytesIO, *, fail: bool) -> Rows:
    """Return what is in a file, and what is wrong with it, or refuse one that is no text with 400."""
    rows = Rows(most=importing.most_rows(owner(), capacity()), fail=fail)
    try:
        with io.TextIOWrapper(body, encoding_of(form, body), newline="") as text:
            rows.take(form.read(Lines(text)), NewBook.model_validate)
    except UnicodeDecodeError as error:
        raise NotUtf8 from error
    return rows


def encoding_of(form: Format, body: io.BytesIO) -> str:
    """Return the encoding of a file: UTF-8, or UTF-16 if a spreadsheet saved it so, with its mark."""
    start = body.read(2)
    body.seek(0)
    return "utf-16" if form is CSV and start in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8"

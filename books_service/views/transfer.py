"""Owns the routes that move a whole shelf: out as a file, and in from one."""

import io
from codecs import BOM_UTF8
from contextlib import ExitStack
from itertools import chain
from typing import Any, Never

import msgspec
from flask import Flask, Response, current_app, request, stream_with_context
from marshmallow import ValidationError, validate
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import BadRequest

from books_service.settings import BooksSettings
from books_service.shelf.books import ShelfFull
from books_service.transfer import importing
from books_service.transfer.exporting import export
from books_service.transfer.formats import BY_TYPE, CSV, FORMATS, Format
from books_service.transfer.lines import Lines
from books_service.transfer.rows import Complaints, Rows
from books_service.views.blueprint import blueprint, capacity, owner
from books_service.views.books import NewBook
from common.ops.limits import ConcurrencyLimit
from common.ops.memory import give_back
from common.web.answers import answer
from common.web.fields import AnyText, QueryNumber, StrictSchema
from common.web.files import Files, is_long, read_file
from common.web.parsing import Complaint, load_body, load_query
from common.web.problems import DETAILS, Refusal

ERIC = ("Eric", "Terry Pratchett", "Gollancz", 12)
EXAMPLES = {name: (form.head() + form.write([ERIC])).decode() for name, form in BY_TYPE.items()}


def init_app(app: Flask, settings: BooksSettings) -> None:
    """Let exports, and long files, take a quarter of a worker's threads each: a slow client holds one.

    A file is up to 16 MiB, and thrice that when it is read, which one at a time is.
    """
    quarter = max(1, settings.threads // 4)
    app.extensions["exports"] = ConcurrencyLimit(quarter, waiting=quarter // 2, wait=5)
    app.extensions["long_files"] = ConcurrencyLimit(quarter, waiting=quarter // 2, wait=5)
    app.extensions["long_file_at_work"] = ConcurrencyLimit(1, waiting=quarter - 1, wait=30)


class Export(StrictSchema):
    """How a shelf is to be written."""

    format = AnyText(
        load_default=None,
        allow_none=False,
        validate=validate.OneOf([*FORMATS], error="must be csv or ndjson"),
        metadata={"description": "Left out: what `Accept` prefers, else csv."},
    )


class Import(StrictSchema):
    """What is to become of a file."""

    dry_run = QueryNumber(
        low=0,
        high=1,
        load_default=0,
        metadata={"description": "1: answer as the import would, and store nothing."},
    )
    on_duplicate = AnyText(
        load_default="skip",
        validate=validate.OneOf(["skip", "fail"], error="must be skip or fail"),
        metadata={"description": "What to do with a book that the shelf has, or the file twice."},
    )


class ImportResult(msgspec.Struct):
    """How many books were put on the shelf, and how many were there, or in the file before."""

    created: int
    skipped: int


_query = Import()
_book = NewBook()


@blueprint.operation(
    "GET /books/export",
    query=Export,
    answers={200: None},
    files=Files(gives=EXAMPLES),
    headers={"Content-Disposition": "A name for the file (RFC 6266)."},
)
def export_books(format: str | None) -> Response:  # noqa: A002 - the parameter of the query
    """Write the whole shelf into a file, by id."""
    form = FORMATS[format] if format else preferred()
    with ExitStack() as held:
        held.enter_context(current_app.extensions["exports"].slot())
        pieces = export(owner(), form)
        first = next(pieces)  # what fails here still gets an answer of its own
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
    query=Import,
    answers={200: ImportResult(99, 1)},
    files=Files(takes=EXAMPLES),
    refuses={409: ShelfFull.message},
)
def import_books() -> Response:
    """Put all books of a file on the shelf, or none."""
    complaints: list[Complaint] = []
    with ExitStack() as held:
        if is_long():
            held.enter_context(current_app.extensions["long_files"].slot())
            held.callback(give_back)
        media_type, body = read_file(EXAMPLES)
        if is_long():
            held.enter_context(current_app.extensions["long_file_at_work"].slot())
        options = _query.load({}) | load_query(_query, complaints)
        fail = options["on_duplicate"] == "fail"
        rows = read_rows(BY_TYPE[media_type], body, fail=fail)
        if complaints:
            refuse(complaints, rows.complaints)
        return imported(rows, fail=fail, dry_run=bool(options["dry_run"]))


def read_rows(form: Format, body: io.BytesIO, *, fail: bool) -> Rows:
    """Return what is in a file, and what is wrong with it, or refuse one that is no text with 400."""
    rows = Rows(most=importing.most_rows(owner(), capacity()), fail=fail)
    if body.read(len(BOM_UTF8)) != BOM_UTF8:
        body.seek(0)
    try:
        with io.TextIOWrapper(body, "utf-8", newline="") as text:
            rows.take(form.read(Lines(text)), check)
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8") from error
    return rows


def check(value: Any, complaints: list[Complaint]) -> dict[str, Any]:
    """Return the members of a new book by the rules of `POST /books`.

    A good one, which has all members, is read in half the time of the schema as a whole.
    """
    fields = _book.fields
    if isinstance(value, dict) and value.keys() == fields.keys():
        try:
            return {name: field.deserialize(value[name]) for name, field in fields.items()}
        except ValidationError:
            return load_body(_book, value, complaints)
    return load_body(_book, value, complaints)


def imported(rows: Rows, *, fail: bool, dry_run: bool) -> Response:
    """Store the rows, and answer."""
    result = importing.put_books(owner(), rows, capacity=capacity(), fail=fail, dry_run=dry_run)
    return answer(ImportResult(*result))


def refuse(complaints: list[Complaint], of_rows: Complaints) -> Never:
    """Refuse a file with 422, for what is wrong with the query and with the rows."""
    count = len(complaints) + of_rows.count
    raise Refusal(422, DETAILS[422], errors=[*complaints, *of_rows.listed], error_count=count)

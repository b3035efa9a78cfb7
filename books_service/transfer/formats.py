"""The formats of exports and imports: CSV, and NDJSON, one JSON object a line."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pydantic_core import from_json, to_json

from books_service.shelf.find import MEMBERS
from books_service.transfer.csv_format import Book, read_csv, write_csv
from books_service.transfer.lines import BadRecord, Lines, Record
from common.web.parsing import NotJson, parse_deep_json


def write_ndjson(books: Iterable[Book]) -> bytes:
    return b"".join(to_json(dict(zip(MEMBERS, book, strict=True))) + b"\n" for book in books)


def read_ndjson(lines: Lines) -> Iterator[Record]:
    """Return the value of each line that is not blank, whatever it is."""
    return lines.records(lambda: _json_value(next(lines)))


def _json_value(line: str) -> object:
    """Return what a line stands for (a blank one for nothing), or raise `BadRecord`."""
    text = line.encode()
    try:
        return from_json(text, allow_inf_nan=False) if text.strip(b" \t\r\n") else None
    except ValueError as error:
        return _deep_json_value(text, error)


def _deep_json_value(text: bytes, error: ValueError) -> object:
    try:
        return parse_deep_json(text, error)
    except NotJson as refusal:
        raise BadRecord("is not JSON") from refusal


class Format(NamedTuple):
    """A way to write books into a file, and to read them from one."""

    name: str  # also the ending of the file
    content_type: str  # with its parameters
    head: bytes  # what a file begins with
    write: Callable[[Iterable[Book]], bytes]
    read: Callable[[Lines], Iterator[Record]]


HEAD = f"{','.join(MEMBERS)}\r\n".encode()
CSV = Format("csv", "text/csv; charset=utf-8; header=present", HEAD, write_csv, read_csv)
NDJSON = Format("ndjson", "application/x-ndjson", b"", write_ndjson, read_ndjson)
FORMATS = {each.name: each for each in (CSV, NDJSON)}
BY_TYPE = {each.content_type.partition(";")[0]: each for each in (CSV, NDJSON)}
# What browsers call a CSV file where Excel is installed.
IMPORTED = BY_TYPE | {"application/vnd.ms-excel": CSV}

"""The formats of exports and imports."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from books_service.transfer import csv_format, ndjson_format
from books_service.transfer.lines import Lines, Record

Members = Sequence[str | int | None]  # of a book: name, author, publisher, prize


class Format(NamedTuple):
    """A way to write books into a file, and to read them from one."""

    name: str  # also the ending of the file
    media_type: str
    content_type: str  # with its parameters
    head: Callable[[], bytes]  # what a file begins with
    write: Callable[[Iterable[Members]], bytes]
    read: Callable[[Lines], Iterator[Record]]


CSV = Format(
    "csv",
    "text/csv",
    "text/csv; charset=utf-8; header=present",
    csv_format.head,
    csv_format.write,
    csv_format.read,
)
NDJSON = Format(
    "ndjson",
    "application/x-ndjson",
    "application/x-ndjson",
    ndjson_format.head,
    ndjson_format.write,
    ndjson_format.read,
)
FORMATS = {each.name: each for each in (CSV, NDJSON)}
BY_TYPE = {each.media_type: each for each in (CSV, NDJSON)}

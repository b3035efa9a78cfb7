"""The formats of exports and imports."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from books_service.transfer import csv_format, ndjson_format
from books_service.transfer.lines import Lines, Record

CSV_TYPE, NDJSON_TYPE = "text/csv", "application/x-ndjson"


class Format(NamedTuple):
    """A way to write books into a file, and to read them from one."""

    name: str  # also the ending of the file
    content_type: str  # with its parameters
    head: bytes  # what a file begins with
    write: Callable[[Iterable[Sequence[str | int | None]]], bytes]
    read: Callable[[Lines], Iterator[Record]]


CSV = Format(
    "csv", f"{CSV_TYPE}; charset=utf-8; header=present", csv_format.HEAD, csv_format.write, csv_format.read
)
NDJSON = Format("ndjson", NDJSON_TYPE, ndjson_format.HEAD, ndjson_format.write, ndjson_format.read)
FORMATS = {each.name: each for each in (CSV, NDJSON)}
BY_TYPE = {CSV_TYPE: CSV, NDJSON_TYPE: NDJSON}

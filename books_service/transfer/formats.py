"""The formats of exports and imports: CSV (RFC 4180), and NDJSON, one JSON object a line.

A spreadsheet takes a cell that starts with one of `FORMULA` for a formula, so such a cell is written with an
apostrophe before it. Reading takes one leading apostrophe off any cell, so what was written comes back.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic_core import from_json, to_json

from books_service.shelf.find import MEMBERS
from books_service.transfer.lines import BadRecord, Lines, Record
from common.web.parsing import NotJson, parse_deep_json, pointer

NEEDED = MEMBERS[:3]
FORMULA = ("=", "+", "-", "@", "'")
MAX_DIGITS = 11  # of a number, without leading zeros; one that has them is over every limit already

# The csv module takes a quote in the middle of a cell for a plain character, which RFC 4180 does not.
CELL = r'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
RECORD = re.compile(rf"{CELL}(?:,{CELL})*+(?:\r\n|\r|\n)?")

QUOTES = "is no CSV record: a quote is not closed, or stands where none may be"
NO_HEADER = f"must be a header: {','.join(MEMBERS)}"

Book = Sequence[str | int | None]  # its members, in the order of `MEMBERS`


def write_csv(books: Iterable[Book]) -> bytes:
    """Return books as records."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(map(_guarded, book) for book in books)
    return text.getvalue().encode()


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def read_csv(lines: Lines) -> Iterator[Record]:
    """Yield the books of a file; if its header is wrong, what is wrong with that and nothing else."""
    reader = csv.reader(lines, strict=True)
    records = lines.records(lambda: _cells(reader, lines))
    line, header, wrong = next(records, Record(1, None, (("", NO_HEADER),)))
    wrong = wrong or tuple(_header_errors(header))
    if wrong:
        yield Record(line, None, wrong)
    for record in records:
        if wrong:
            continue  # read to the end anyway: that the text is not UTF-8 is reported first
        if not record.wrong and len(record.value) != len(header):
            yield Record(record.line, None, (("", f"must have {len(header)} cells"),))
        else:
            yield record if record.wrong else Record(record.line, _members(header, record.value))


def _cells(reader: Iterator[list[str]], lines: Lines) -> list[str]:
    """Return the cells of the next record, or raise `BadRecord`."""
    try:
        cells = next(reader)
    except csv.Error as error:
        raise BadRecord(QUOTES) from error
    text = "".join(lines.record)
    if '"' in text and not RECORD.fullmatch(text):
        raise BadRecord(QUOTES)
    return cells


def _header_errors(header: Sequence[str]) -> list[tuple[str, str]]:
    missing = [(name, "is a column that is missing") for name in NEEDED if name not in header]
    unknown = [(name, "is a column that is not known here") for name in header if name not in MEMBERS]
    repeated = [(name, "is a column that is there twice") for name in MEMBERS if header.count(name) > 1]
    return [(pointer(name), detail) for name, detail in (*missing, *unknown, *repeated)]


def _members(header: Iterable[str], cells: Iterable[str]) -> dict[str, object]:
    members: dict[str, object] = {
        name: cell.removeprefix("'") for name, cell in zip(header, cells, strict=True)
    }
    members["book_prize"] = _number(str(members.get("book_prize", "")))
    return members


def _number(digits: str) -> int | str | None:
    """Return what a cell of decimal digits stands for; any other is left to the rule of the member."""
    if not (digits.isascii() and digits.isdecimal()):
        return digits or None
    return int(digits.lstrip("0")[:MAX_DIGITS] or 0)


def write_ndjson(books: Iterable[Book]) -> bytes:
    """Return books as lines."""
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

"""The formats of exports and imports: CSV, and NDJSON, one JSON object a line.

CSV is written by RFC 4180, and read as services and spreadsheets write it. A spreadsheet takes a cell that
begins with one of `SIGNS` for a formula, so such a cell is written with an apostrophe before it. Reading
takes it off again before such a cell alone, so what was written comes back.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pydantic_core import from_json, to_json

from books_service.shelf.find import MEMBERS
from books_service.transfer.lines import BadRecord, Lines, Record
from common.web.parsing import NotJson, parse_deep_json, pointer

NEEDED = MEMBERS[:3]
COLUMNS = {name.casefold(): name for name in MEMBERS}  # by the name that a header may have
SIGNS = frozenset("=+-@'\uff1d\uff0b\uff0d\uff20\uff07\ufe66\ufe62\ufe63\ufe6b")  # and in other widths
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols that show nothing
PRIZE = re.compile(r"([0-9]+)(?:\.0+)?")
COMMA = re.compile(r"[0-9]+(?:,[0-9]+)+")  # 12,000 is read in two ways
MAX_DIGITS = 11  # of a number, without leading zeros; one that has them is over every limit already

DELIMITERS = ",;\t"
SEPARATOR = re.compile(r'"?sep=([,;\t])"?[\r\n]*', re.IGNORECASE)  # a first line that spreadsheets understand
# The csv module takes a quote in the middle of a cell for a plain character, which RFC 4180 does not.
CELLS = {each: rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{each}\r\n]*+)' for each in DELIMITERS}
RECORDS = {each: re.compile(rf"{cell}(?:{each}{cell})*+(?:\r\n|\r|\n)?") for each, cell in CELLS.items()}

QUOTES = "is no CSV record: a quote is not closed, or stands where none may be"
NO_COMMA = "must be written without a comma, as 12 or 12.0"
NO_HEADER = f"must be a header: {','.join(MEMBERS)}"

Book = Sequence[str | int | None]  # its members, in the order of `MEMBERS`


def write_csv(books: Iterable[Book]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(map(_guarded, book) for book in books)
    return text.getvalue().encode()


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(cell: str) -> bool:
    """Return whether a spreadsheet could calculate the cell, whatever it trims off the start."""
    # Controls, marks and separators show nothing there.
    visible = (each for each in cell if unicodedata.category(each)[0] not in "CMZ" and each not in BLANKS)
    return next(visible, "") in SIGNS


def read_csv(lines: Lines) -> Iterator[Record]:
    """Yield the books of a file; if its header is wrong, what is wrong with that and nothing else."""
    delimiter = _delimiter(lines)
    lines.blank += delimiter
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    records = lines.records(lambda: _cells(reader, lines, RECORDS[delimiter]))
    line, cells, wrong = next(records, Record(1, ()))
    header = _column_names(cells or ())
    wrong = wrong or tuple(_header_errors(header))
    if wrong:
        yield Record(line, None, wrong)
    for record in records:
        if wrong or not (record.wrong or any(record.value)):
            lines.skip()  # after a wrong header too, for a text that is not UTF-8 is reported first
        else:
            yield record if record.wrong else _book(header, record)


def _delimiter(lines: Lines) -> str:
    """Return what separates cells: what a line `sep=` names, or what makes the most columns of the header."""
    first = lines.peek()
    if named := SEPARATOR.fullmatch(first):
        next(lines)
        return named[1]
    plain = first.replace('"', "")
    return max(DELIMITERS, key=lambda each: len({*MEMBERS} & {*_column_names(plain.split(each))}))


def _cells(reader: Iterator[list[str]], lines: Lines, shape: re.Pattern[str]) -> list[str]:
    """Return the cells of the next record, or raise `BadRecord`."""
    try:
        cells = next(reader)
    except csv.Error as error:
        raise BadRecord(QUOTES) from error
    text = "".join(lines.record)
    if '"' in text and not shape.fullmatch(text):
        raise BadRecord(QUOTES)
    return cells


def _column_names(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns, as those of members if they are; empty ones at the end are none."""
    names = [name.strip() for name in cells]
    while names and not names[-1]:
        names.pop()
    return [COLUMNS.get(name.casefold(), name) for name in names]


def _header_errors(header: Sequence[str]) -> list[tuple[str, str]]:
    if not set(header) & set(MEMBERS):
        found = ", ".join("".join(filter(str.isprintable, name))[:50] for name in header[:20])
        return [("", f"{NO_HEADER}; found: {found}" if header else NO_HEADER)]
    missing = [(name, "is a column that is missing") for name in NEEDED if name not in header]
    unknown = [(name, "is a column that is not known here") for name in header if name not in MEMBERS]
    repeated = [(name, "is a column that is there twice") for name in MEMBERS if header.count(name) > 1]
    return [(pointer(name), detail) for name, detail in (*missing, *unknown, *repeated)]


def _book(header: Sequence[str], record: Record) -> Record:
    """Return the members of the book of a record; cells behind the last column must be empty."""
    line, cells, _ = record
    if len(cells) < len(header) or any(cells[len(header) :]):
        return Record(line, None, (("", f"must have {len(header)} cells"),))
    members: dict[str, object] = {name: _bare(cell) for name, cell in zip(header, cells, strict=False)}
    prize = str(members.get("book_prize", "")).strip(" ")
    members["book_prize"] = _number(prize)
    return Record(line, members, (("/book_prize", NO_COMMA),) if COMMA.fullmatch(prize) else ())


def _number(prize: str) -> int | str | None:
    """Return the number that a cell shows; what is none is left to the rule of the member."""
    if not prize or COMMA.fullmatch(prize):
        return None
    number = PRIZE.fullmatch(prize)
    return int(number[1].lstrip("0")[:MAX_DIGITS] or 0) if number else prize


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

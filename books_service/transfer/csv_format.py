"""Books as CSV (RFC 4180): how they are written and read.

A spreadsheet takes a cell that starts with one of `FORMULA` for a formula, so such a cell is written with an
apostrophe before it. Reading takes one leading apostrophe off any cell, so what was written comes back.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from books_service.shelf.put import MEMBERS
from books_service.transfer.lines import MAX_RECORD, Lines, Record, TooLong
from common.web.parsing import pointer

NEEDED = MEMBERS[:3]
FORMULA = ("=", "+", "-", "@", "'")
MAX_DIGITS = 11  # of a number, without leading zeros; one that has them is over every limit already

# The csv module takes a quote in the middle of a cell for a plain character, which RFC 4180 does not.
CELL = r'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
RECORD = re.compile(rf"{CELL}(?:,{CELL})*+(?:\r\n|\r|\n)?")

QUOTES = "is no CSV record: a quote is not closed, or stands where none may be"
NO_HEADER = f"must be a header: {','.join(MEMBERS)}"
TOO_LONG = f"must be at most {MAX_RECORD} characters long"

HEAD = f"{','.join(MEMBERS)}\r\n".encode()

Cells = list[str] | str  # or what is wrong with the record


def write(books: Iterable[Sequence[str | int | None]]) -> bytes:
    """Return books (their members in the order of `MEMBERS`) as records."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(map(_guarded, book) for book in books)
    return text.getvalue().encode()


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def read(lines: Lines) -> Iterator[Record]:
    """Yield the books of a file; if its header is wrong, what is wrong with that and nothing else."""
    records = _records(lines)
    line, header = next(records, (1, NO_HEADER))
    wrong = [("", header)] if isinstance(header, str) else _header_errors(header)
    if wrong:
        yield Record(line, None, tuple(wrong))
    for line, cells in records:
        if wrong:
            continue  # to the end all the same: that the text is not UTF-8 is reported first
        if isinstance(cells, str):
            yield Record(line, None, (("", cells),))
        elif len(cells) != len(header):
            yield Record(line, None, (("", f"must have {len(header)} cells"),))
        else:
            yield Record(line, _members(header, cells))


def _records(lines: Lines) -> Iterator[tuple[int, Cells]]:
    """Yield the cells of each record that is not blank, and the line where it starts."""
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin()
        try:
            cells: Cells = next(reader)
            if not _is_strict(lines.record):
                cells = QUOTES
        except StopIteration:
            return
        except csv.Error:
            cells = QUOTES
        except TooLong:
            cells = TOO_LONG
        if isinstance(cells, str) or not lines.is_blank():
            yield lines.start, cells


def _is_strict(record: Sequence[str]) -> bool:
    text = record[0] if len(record) == 1 else "".join(record)
    return '"' not in text or RECORD.fullmatch(text) is not None


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

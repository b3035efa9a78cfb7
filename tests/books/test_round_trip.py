"""What is exported and imported is the same shelf: byte for byte, in both formats."""

import csv
import io
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from books_service.shelf.find import MEMBERS
from books_service.transfer import lines
from books_service.transfer.formats import CSV, FORMATS, NDJSON, Format, read_csv, write_csv
from books_service.transfer.importing import Rows
from books_service.transfer.lines import MAX_RECORD, Lines, Record, TooManyRecords
from tests.cases import every

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200)
HEADER = f"{','.join(MEMBERS)}\n"
STARTS = ["", "=", "+", "-", "@", "'", "''", '"', ",", "'=", " ='", "\u200b＝", "'\u00a0-", "' "]
guarded = st.tuples(st.sampled_from(STARTS), texts).map("".join)
prizes = st.none() | st.integers(0, 2**31 - 1)
shelves = st.lists(st.tuples(guarded, guarded, guarded, prizes), max_size=5)
SIGNS = "=+-@'＝＋－＠＇﹦﹢﹣﹫"
NOTHING = ["", " ", "\u00a0", "\u3000\u2003", "\u200b", "\ufeff", "\u00ad", "\u202e", "\u2028\u2029"]
NOTHING += ["\ufe0f", "\u034f", "\u0301", "\u3164", "\u115f", "\u2800", "\U000e0100", "\u180e \u2063"]
PLAIN = ["a=1", "1+1", "(-1)", "–1", "\u200ba=", ".=", "", " ", "\u201c=\u201d", "\u2019Tis", "\\="]
PLAIN += ["/=", '"=']
every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)


def records(form: Format, file: str) -> list[Record]:
    return list(form.read(Lines(io.StringIO(file, newline=""))))


def books_of(found: Sequence[Record]) -> list[tuple[Any, ...]]:
    assert [record.wrong for record in found] == [()] * len(found)
    return [
        tuple(record.value[name] for name in MEMBERS) for record in found if isinstance(record.value, dict)
    ]


@every_format
@given(shelf=shelves)
def test_what_is_written_is_read(form: Format, shelf: list[tuple[Any, ...]]) -> None:
    file = (form.head + form.write(shelf)).decode()

    assert books_of(records(form, file)) == shelf


@given(shelf=shelves)
def test_what_is_written_is_what_rfc_4180_says(shelf: list[tuple[Any, ...]]) -> None:
    file = (CSV.head + CSV.write(shelf)).decode()

    rows = list(csv.reader(io.StringIO(file, newline=""), strict=True))
    assert rows[0] == list(MEMBERS)
    assert [[cell.removeprefix("'") if cell[:1] == "'" else cell for cell in row] for row in rows[1:]] == [
        [*texts, "" if prize is None else str(prize)] for *texts, prize in shelf
    ]
    assert file.count("\r\n") == file.count("\r") == file.count("\n") == len(shelf) + 1
    assert not [cell for row in rows[1:] for cell in row if cell.startswith(("=", "+", "-", "@"))]


def written(*cells: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(write_csv([cells]).decode(), newline="")))


@every("sign", SIGNS)
@every("before", NOTHING)
def test_a_cell_that_a_spreadsheet_would_calculate_is_guarded(sign: str, before: str) -> None:
    assert written(f"{before}{sign}1") == [[f"'{before}{sign}1"]]


@every("cell", PLAIN)
def test_no_other_cell_is(cell: str) -> None:
    assert written(cell, "x") == [[cell, "x"]]


@every(
    "cell, read", [("'Tis", "'Tis"), ("''", "'"), ("'=", "="), ("' =", " ="), ("''Tis", "'Tis"), ("'", "'")]
)
def test_one_apostrophe_is_taken_off_where_such_a_cell_follows(cell: str, read: str) -> None:
    [record] = read_csv(Lines(io.StringIO(f"{HEADER}{cell},b,c,", newline="")))

    assert record.value["name"] == read


@given(file=st.text(st.sampled_from("a\",\r\n'= \t{}:1\u2028\x85\x0c\x1c"), max_size=60))
def test_every_line_is_counted_and_no_text_is_too_strange(file: str) -> None:
    found = records(CSV, HEADER + file), records(NDJSON, file)

    count = len(file.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for each, first in zip(found, (2, 1), strict=True):
        numbers = [record.line for record in each]
        assert numbers == sorted(set(numbers))
        assert all(first <= number < first + count for number in numbers)


@every("end", ["\n", "\r", "\r\n"])
@every("length", range(MAX_RECORD - 2, MAX_RECORD + 4))
def test_a_line_at_the_limit_is_one_line(end: str, length: int) -> None:
    found = records(NDJSON, " " * (length - 1) + "1" + end + "2" + end)

    assert [record.line for record in found] == [1, 2]
    assert bool(found[0].wrong) == (length + len(end) > MAX_RECORD)


def test_a_file_of_more_than_a_million_records_is_413() -> None:
    endless = repeat(Record(1, None, wrong=(("", "must be an object"),)))

    with pytest.raises(TooManyRecords) as refused:
        Rows(most=10, fail=False).take(endless, vars)

    assert (refused.value.status, refused.value.message) == (413, "a file has at most 1000000 records")


class Endless(io.StringIO):
    """A file that begins with one line, and goes on with another for ever."""

    def __init__(self, first: str, then: str) -> None:
        super().__init__()
        self._lines = chain([first], repeat(then))

    def readline(self, _: int | None = -1, /) -> str:  # type: ignore[override] # of typeshed's io.StringIO
        return next(self._lines)


@pytest.mark.parametrize(
    ("form", "first", "then"), [(CSV, HEADER, ",,,\n"), (CSV, HEADER, '"",,,\n'), (NDJSON, "\n", " \n")]
)
def test_so_many_blank_ones_are_too_many_too(
    form: Format, first: str, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_RECORDS", 1000)

    with pytest.raises(TooManyRecords):
        list(form.read(Lines(Endless(first, then))))

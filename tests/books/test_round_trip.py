"""What is exported and imported is the same shelf, byte for byte; what breaks programs is kept or refused."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from books_service.shelf.find import MEMBERS
from books_service.transfer.formats import CSV, FORMATS, NDJSON, Format, read_csv, write_csv
from books_service.transfer.lines import MAX_RECORD, Lines, Record
from tests.books import files
from tests.books.conftest import somebody
from tests.books.files import as_csv, as_ndjson, export, import_file, places, shelf_of
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, book, complaints

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


def records(form: Format, file: str) -> list[Record]:
    return list(form.read(Lines(io.StringIO(file, newline=""))))


def books_of(found: Sequence[Record]) -> list[tuple[Any, ...]]:
    assert [record.wrong for record in found] == [()] * len(found)
    return [
        tuple(record.value[name] for name in MEMBERS) for record in found if isinstance(record.value, dict)
    ]


@given(shelf=shelves)
def test_what_is_written_is_read_and_is_what_rfc_4180_says(shelf: list[tuple[Any, ...]]) -> None:
    for form in FORMATS.values():
        file = (form.head + form.write(shelf)).decode()
        assert books_of(records(form, file)) == shelf

    file = (CSV.head + CSV.write(shelf)).decode()
    rows = list(csv.reader(io.StringIO(file, newline=""), strict=True))
    assert rows[0] == list(MEMBERS)
    assert [[cell.removeprefix("'") if cell[:1] == "'" else cell for cell in row] for row in rows[1:]] == [
        [*texts, "" if prize is None else str(prize)] for *texts, prize in shelf
    ]
    assert file.count("\r\n") == file.count("\r") == file.count("\n") == len(shelf) + 1


@every(
    "cell, guard",
    [(f"{before}{sign}1", "'") for before in NOTHING for sign in SIGNS] + [(cell, "") for cell in PLAIN],
)
def test_a_cell_that_a_spreadsheet_would_calculate_is_guarded_and_no_other(cell: str, guard: str) -> None:
    file = write_csv([(cell, "x")]).decode()

    assert list(csv.reader(io.StringIO(file, newline=""))) == [[f"{guard}{cell}", "x"]]


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


# Strings that break programs.
STRINGS = json.loads(Path(__file__).with_name("naughty.json").read_text())
GOOD: list[str] = [*STRINGS["good"], "x" * 200, "\U0001f600" * 200, "\ufdfa" * 200]
BAD: list[str] = [*STRINGS["bad"], "x" * 201, "\U0001f600" * 201, "\ufdfa" * 201]
POINTERS = ["/name", "/Author", "/Publisher"]


@on_sqlite
def test_what_is_refused_is_refused_in_whatever_way_it_comes(person: Person) -> None:
    for each in [book(name=text, Author=text, Publisher=text) for text in BAD]:
        assert sorted(complaints(person.post("/books", each))) == sorted(POINTERS)
        for kind, write in ((files.CSV, as_csv), (files.NDJSON, as_ndjson)):
            assert [pointer for _, pointer in places(import_file(person, write([each]), kind))] == POINTERS
    assert shelf_of(person) == []


def test_what_is_taken_is_kept_in_whatever_way_it_comes_and_goes(pair: Pair) -> None:
    person = somebody(pair)
    sent = [
        book(name=text, Author=f"{place}", Publisher=text, book_prize=place or None)
        for place, text in enumerate(GOOD)
    ]

    made = [person.add_book(**each) for each in sent]

    assert [found | each for found, each in zip(made, sent, strict=True)] == made
    assert person.get("/books?limit=200").json()["list_of_books"] == made
    assert shelf_of(person) == sent
    for form in FORMATS.values():
        other, file = somebody(pair), export(person, form.name)
        assert import_file(other, file, form.content_type).json() == {"created": len(sent), "skipped": 0}
        assert shelf_of(other) == sent
        assert export(other, form.name) == file
        assert import_file(person, file, form.content_type).json() == {"created": 0, "skipped": len(sent)}

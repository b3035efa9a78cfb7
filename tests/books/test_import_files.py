"""What a file that is imported may look like, and how a request that brings another is refused."""

import csv
import io
from typing import Any

import pytest

from books_service.shelf.find import MEMBERS
from books_service.transfer import importing, lines
from tests.books.conftest import somebody
from tests.books.files import CSV, HEADER, NDJSON, as_csv, books, import_file, places, shelf_of
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, assert_problem, complaints

# A file is read before a database is asked.
pytestmark = on_sqlite

LIMIT = 16 * 1024 * 1024  # bytes
Rows = list[tuple[str, str, str, int | None]]
TWO: Rows = [("a", "b", "c", None), ("d", "e", "f", 12)]
CSV_LINES = ["name,Author,Publisher,book_prize", "a,b,c,", "", "d,e,f,12", " \t"]
NDJSON_LINES = ["", '{"name":"a","Author":"b","Publisher":"c"}', "  "]
NDJSON_LINES += ['{ "book_prize" : 12.0, "name":"d" ,"Author":"e","Publisher":"\\u0066"}']
SAVED: Rows = [("Größe; 1, 2", "Ann", "Press", 12), ("'Tis", 'B "C"', "李\U0001f600", None)]


def saved(delimiter: str = ",", end: list[str] | None = None) -> str:
    """Return books as a spreadsheet saves them, with cells at the end of each row."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([*row, *(end or [])] for row in [MEMBERS, *SAVED])
    return text.getvalue()


SPREADSHEETS: list[str | bytes] = [
    *(saved(delimiter) for delimiter in ",;\t"),
    "sep=;\r\n" + saved(";"),
    '"SEP=\t"\n' + saved("\t"),
    saved("\t").encode("utf-16"),
    b"\xfe\xff" + saved(";").encode("utf-16-be"),
    "\ufeffsep=,\r\n" + saved(),
    saved(end=["", ""]) + ",,,,,\r\n" * 3,
    saved() + '"","","",""\r\n',
    saved(";") + ";;;\r\n ; ;\r\n;\r\n",
    saved().replace("name,Author", ' NAME ,"author "'),
    saved().replace(",12\r", ", 12.0 \r"),
    "\r\n \t\r\n" + saved("\t"),
]
PRIZES = [("12.0", 12), ("12.000", 12), (" 12 ", 12), (" 0012.00", 12), ("", None), (" ", None)]
PRIZES += [("02147483647", 2**31 - 1), ("0" * 5000, 0)]
TYPES = ["TEXT/CSV", "text/csv; charset=utf-8", 'text/csv; charset="UTF-8"; header=present']
# As some browsers call it.
TYPES += ["application/vnd.ms-excel", "Application/VND.MS-Excel; charset=utf-8"]
FILES: list[tuple[str, str | bytes, Rows]] = [
    *((CSV, file, SAVED) for file in SPREADSHEETS),
    *((CSV, f"{HEADER}a,b,c,{prize}", [("a", "b", "c", read)]) for prize, read in PRIZES),
    *((kind, f"{HEADER}a,b,c,\nd,e,f,12", TWO) for kind in TYPES),
    (CSV, "Author,name,Publisher\nb,a,c", TWO[:1]),
    (CSV, '"name","Author","Publisher","book_prize"\n"d","e","f","12"', TWO[1:]),
    (CSV, f"{HEADER}'a,''b,=c,12", [("'a", "'b", "=c", 12)]),
    (CSV, 'name,Author,Publisher\n"a,""b""",x\'y, c ', [('a,"b"', "x'y", " c ", None)]),
]
FILES += [
    (kind, mark + end.join(lines) + last, TWO)
    for kind, lines in ((CSV, CSV_LINES), (NDJSON, NDJSON_LINES))
    for end in ("\r\n", "\n", "\r")
    for mark in ("", "\ufeff")
    for last in ("", end)
]


@every("kind, file, expected", FILES)
def test_what_a_file_may_look_like(pair: Pair, kind: str, file: str | bytes, expected: Rows) -> None:
    person = somebody(pair)

    answer = import_file(person, file, kind)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"created": len(expected), "skipped": 0}
    assert [(*each.values(),) for each in shelf_of(person)] == expected


@every(
    "kind",
    ["", "text/plain", "application/json", "text/csv; charset=latin-1", "text/csvx", "text/csv\xa0"]
    + ["text/csv\x85;charset=utf-8"],
)
def test_another_type_is_415(person: Person, kind: str) -> None:
    answer = import_file(person, HEADER, kind)

    types = "text/csv or application/x-ndjson or application/vnd.ms-excel"
    assert_problem(answer, 415, f"the body must be {types} in UTF-8")


@every("chunked", [False, True])
def test_a_file_over_16_mib_is_413(person: Person, chunked: bool) -> None:
    body = HEADER.encode().ljust(LIMIT)
    larger = body + b" "

    assert places(import_file(person, iter([body]) if chunked else body)) == [(2, "")]
    for kind in (CSV, "text/plain"):
        assert_problem(import_file(person, iter([larger]) if chunked else larger, kind), 413)


@every("kind, line", [(NDJSON, "x"), (NDJSON, " "), (CSV, "x"), (CSV, ",,,"), (CSV, '"",,,')])
def test_a_file_has_at_most_a_million_records_blank_ones_included(
    person: Person, kind: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (lines, importing):
        monkeypatch.setattr(module, "MAX_RECORDS", 1000)
    head = HEADER if kind == CSV else ""

    assert import_file(person, head + f"{line}\n" * 1000, kind).status_code in (200, 422)
    too_many = import_file(person, head + f"{line}\n" * 1001, kind)

    assert_problem(too_many, 413, "a file has at most 1000000 records")


ONE, MANY = as_csv(books(1)), as_csv(books(9000))
NO_UTF_8 = [b"\xff", b"\xc3", b"\xef", b"\xef\xbb", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"]
NO_UTF_16 = [b"a", b"\x00\xd8", b"\x00\xdc\x00\x00", b"\x3d\xd8a\x00"]
BROKEN: list[tuple[bytes, str]] = [
    (body, kind)
    for bad in NO_UTF_8
    for body in (bad, ONE + bad, ONE.replace(b"Book", bad))
    for kind in (CSV, NDJSON)
]
BROKEN += [(start + bad, CSV) for bad in NO_UTF_16 for start in (b"\xff\xfe", ONE.decode().encode("utf-16"))]
# It is 400 whatever was read before.
BROKEN += [(head + b"\xff", kind) for head in (MANY, b"no header\n" * 9000) for kind in (CSV, NDJSON)]
BROKEN += [(MANY.decode().encode("utf-16") + b"\x00\xd8", CSV), (ONE.decode().encode("utf-16"), NDJSON)]


@every("body, kind", BROKEN)
def test_what_is_no_text_is_400_and_the_answer_says_what_to_do(
    person: Person, body: bytes, kind: str
) -> None:
    problem = assert_problem(import_file(person, body, kind), 400, "the body is not UTF-8")

    assert problem["detail"].endswith('a spreadsheet has to save the file as "CSV UTF-8"')
    assert shelf_of(person) == []


@every(
    "query, wrong",
    [(query, [query.partition("=")[0]]) for query in ("dry_run=2", "on_duplicate=replace")]
    + [("format=csv&x=1", ["format", "x"]), ("dry_run=0&dry_run=0", ["dry_run"])],
)
def test_a_query_that_breaks_a_rule_is_refused(person: Person, query: str, wrong: list[str]) -> None:
    assert complaints(import_file(person, ONE, query=f"?{query}")) == wrong
    assert complaints(import_file(person, f"{HEADER}a,b", query=f"?{query}")) == [*wrong, ""]
    assert shelf_of(person) == []


LARGE = b"\xff" * (LIMIT + 1)


@every(
    "body, kind, headers, status",
    [(LARGE, "text/plain", {"Authorization": "Bearer x"}, 401), (LARGE, "text/plain", {}, 413)]
    + [(b"\xff", "text/plain", {}, 415), (b"\xff", CSV, {}, 400), (b"", CSV, {}, 422)],
)
def test_the_order_of_refusals(
    person: Person, body: bytes, kind: str, headers: dict[str, Any], status: int
) -> None:
    assert_problem(import_file(person, body, kind, "?x=1", **headers), status)

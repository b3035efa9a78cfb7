"""CSV as spreadsheets write it, and as they read it best."""

import csv
import io
from typing import Any

from books_service.shelf.find import MEMBERS
from books_service.transfer.formats import NO_COMMA
from tests.books.files import HEADER, export, import_file, places, shelf_of
from tests.cases import every, on_sqlite
from tests.people import Person, assert_problem

# A file is read before a database is asked.
pytestmark = on_sqlite

BOOKS: list[dict[str, Any]] = [
    {"name": "Größe; 1, 2", "Author": "Ann", "Publisher": "Press", "book_prize": 12},
    {"name": "'Tis", "Author": 'B "C"', "Publisher": "李\U0001f600", "book_prize": None},
]
ROWS = [[book[member] for member in MEMBERS] for book in BOOKS]


def saved(delimiter: str = ",", end: list[str] | None = None) -> str:
    """Return the books as a spreadsheet saves them, with cells at the end of each row."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([*row, *(end or [])] for row in [MEMBERS, *ROWS])
    return text.getvalue()


FILES = {
    "plain": saved().encode(),
    "semicolons": saved(";").encode(),
    "tabs": saved("\t").encode(),
    "sep": b"sep=;\r\n" + saved(";").encode(),
    "quoted sep": b'"SEP=\t"\n' + saved("\t").encode(),
    "UTF-16, little end first": saved("\t").encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + saved(";").encode("utf-16-be"),
    "byte order mark": saved().encode("utf-8-sig"),
    "byte order mark and sep": b"\xef\xbb\xbfsep=,\r\n" + saved().encode(),
    "commas at the end": (saved(end=["", ""]) + ",,,,,\r\n" * 3).encode(),
    "rows of quoted nothing": (saved() + '"","","",""\r\n').encode(),
    "empty rows of less": (saved(";") + ";;;\r\n ; ;\r\n;\r\n").encode(),
    "names in any case": saved().replace("name,Author", ' NAME ,"author "').encode(),
    "prizes": saved().replace(",12\r", ", 12.0 \r").encode(),
    "empty lines before": b"\r\n \t\r\n" + saved("\t").encode(),
}


@every("name, file", FILES.items())
def test_files_of_spreadsheets_are_read_alike(person: Person, name: str, file: bytes) -> None:
    answer = import_file(person, file)

    assert answer.status_code == 200, (name, answer.text)
    assert sum(answer.json().values()) == 2
    assert shelf_of(person) == BOOKS


@every(
    "prize, read",
    [("12", 12), ("12.0", 12), ("12.000", 12), (" 12 ", 12), (" 0012.00", 12), ("", None), (" ", None)],
)
def test_a_prize_may_look_like_a_spreadsheets_number(person: Person, prize: str, read: int | None) -> None:
    assert import_file(person, f"{HEADER}{prize}!,b,c,{prize}").json() == {"created": 1, "skipped": 0}

    assert shelf_of(person)[-1]["book_prize"] == read


@every("prize", ["12,00", " 12,5 ", "1,200", "1,200,000"])
def test_a_comma_in_a_prize_is_refused_and_the_answer_says_so(person: Person, prize: str) -> None:
    answer = import_file(person, f"name;Author;Publisher;book_prize\n;b;c;{prize}")

    errors = [(error["pointer"], error["detail"]) for error in assert_problem(answer, 422)["errors"]]
    assert errors == [("/book_prize", NO_COMMA), ("/name", "must be at least 1 characters long")]


@every(
    "before, rows, line",
    [
        ("sep=;\n", "a;b;c;x", 3),
        ("\n\nsep=;\n\n", "a;b;c;x", 6),
        ("sep=;\n", '"a";"b\n\n";c;1\n;;;\na;b;c;x', 3),
        ("", ";;;\n\n;;;\na;b;c;x\n;;;", 5),
    ],
)
def test_lines_are_those_of_the_file(person: Person, before: str, rows: str, line: int) -> None:
    answer = import_file(person, f"{before}name;Author;Publisher;book_prize\n{rows}")

    assert places(answer)[-1][0] == (7 if line == 3 and "\n\n" in rows else line)


@every(
    "header, found",
    [
        ("Titel;Autor", "Titel;Autor"),
        ("Titel,Autor , ,Verlag,,", "Titel, Autor, , Verlag"),
        ("sep=;\nTitel;Autor", "Titel, Autor"),
        ("a\x07b,\x1b[31m\u202ec", "ab, [31mc"),
        (",".join(map(str, range(30))), ", ".join(map(str, range(20)))),
        ("x" * 60_000, "x" * 50),
    ],
)
def test_a_header_that_fits_nothing_is_shown(person: Person, header: str, found: str) -> None:
    answer = import_file(person, header + "\na,b,c")

    [error] = assert_problem(answer, 422)["errors"]
    assert error["detail"] == f"must be a header: name,Author,Publisher,book_prize; found: {found}"
    assert (error["line"], error["pointer"]) == (2 if "sep" in header else 1, "")


def test_an_export_may_begin_with_a_byte_order_mark(person: Person) -> None:
    person.add_book()

    marked = person.get("/books/export?format=csv&bom=1")

    assert marked.content == b"\xef\xbb\xbf" + export(person)
    assert person.get("/books/export?format=csv&bom=0").content == export(person)
    assert person.get("/books/export?format=ndjson&bom=1").content == export(person, "ndjson")
    assert import_file(person, marked.content).json() == {"created": 0, "skipped": 1}

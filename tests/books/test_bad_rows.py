"""What breaks a rule in an imported file: told by its line, all of it, and then nothing is stored."""

import json

from books_service.transfer.formats import NO_COMMA
from books_service.transfer.lines import MAX_RECORD
from tests.books.files import HEADER, NDJSON, import_file, places, shelf_of
from tests.cases import every, on_sqlite
from tests.people import Person, assert_problem

# What a file holds is checked before a database is asked.
pytestmark = on_sqlite

LONG = "x" * 201
BAD_PRIZES = ["x", "-1", "+1", "1.5", "1.", "1e3", "1 2", "'1", "2147483648", "9" * 5000, "null"]
BAD_PRIZES += ["''1", "0x1", "\u0661", "\uff11"]
PRIZE, SEMICOLONS = "/book_prize", HEADER.replace(",", ";")
Place = tuple[int, str]


@every(
    "header, wrong",
    [
        *((empty, [""]) for empty in ("", "\n\n", "\ufeff")),
        ('""', [""]),
        ("name,Author", ["/Publisher"]),
        ("name,Author,Publisher,price", ["/price"]),
        ("name,Author,'publisher", ["/Publisher", "/'publisher"]),
        ("name,Author,Publisher,id,a/b~", ["/id", "/a~1b~0"]),
        ("name, NAME,Author,Publisher", ["/name"]),
        ("name,Author,,Publisher", ["/"]),
        ("name;Author,Publisher", ["/name", "/Author", "/name;Author"]),
        ("name|Author|Publisher", [""]),
        ("'name,Author,Publisher", ["/name", "/'name"]),
        ('name,Author,"Publisher', [""]),
        ('name,Au"thor,Publisher', [""]),
        ("name,Author,Publisher,\0", ["/\0"]),
    ],
)
def test_a_wrong_header_is_told_and_nothing_else(person: Person, header: str, wrong: list[str]) -> None:
    rows = "\nmany,more,cells,than,there,are\n" if header.strip("\ufeff\n") else ""

    answer = import_file(person, header + rows)

    assert places(answer) == [(1, pointer) for pointer in wrong]


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


@every(
    "file, wrong",
    [
        (HEADER + rows, wrong)
        for rows, wrong in [
            ("a,b,c", [(2, "")]),
            ("a,b,c,1,x", [(2, "")]),
            ("\u2003, ,\u3000,1", [(2, "/name"), (2, "/Author"), (2, "/Publisher")]),
            (f"{LONG},b,c,1", [(2, "/name")]),
            *((f"a,b,c,{prize}", [(2, PRIZE)]) for prize in BAD_PRIZES),
            ("a\tb,b,c,1", [(2, "/name")]),
            (
                '"a\nb","c\r\nd","e\rf",1\ng,h,i,x',
                [(2, "/name"), (2, "/Author"), (2, "/Publisher"), (6, PRIZE)],
            ),
            *((row, [(2, "")]) for row in ('a"b,c,d,1', '"a"b,c,d,1', ' "a",c,d,1', '"a""b,c,d,1')),
            ('a,b,c,1\n"a,b,c,1\n', [(3, "")]),
            ('a,b,c,x\n"a,b\n\n,c,1\n\n', [(2, PRIZE), (3, "")]),
            ("\n\na,b,c,x\n\r\n \nd,e,f,x", [(4, PRIZE), (7, PRIZE)]),
            ("a,b,c,x\r\rd,e,f,x\r\n\ng,h,i,x", [(2, PRIZE), (4, PRIZE), (6, PRIZE)]),
            ("x" * MAX_RECORD + "\r\n" + "x" * 3 * MAX_RECORD + "\r\ntoo,few", [(2, ""), (3, ""), (4, "")]),
            ('"' + "x\n" * 40_000 + '",b,c,1', [(2, "")]),
        ]
    ]
    + [
        (f"sep=;\n{SEMICOLONS}a;b;c;x", [(3, PRIZE)]),
        (f"\n\nsep=;\n\n{SEMICOLONS}a;b;c;x", [(6, PRIZE)]),
        (f'sep=;\n{SEMICOLONS}"a";"b\n\n";c;1\n;;;\na;b;c;x', [(3, "/Author"), (7, PRIZE)]),
        (f"{SEMICOLONS};;;\n\n;;;\na;b;c;x\n;;;", [(5, PRIZE)]),
    ],
)
def test_a_row_that_breaks_a_rule_is_told_by_its_line(person: Person, file: str, wrong: list[Place]) -> None:
    answer = import_file(person, file)

    assert places(answer)[: len(wrong)] == wrong
    assert shelf_of(person) == []


@every("prize", ["12,00", " 12,5 ", "1,200", "1,200,000"])
def test_a_comma_in_a_prize_is_refused_and_the_answer_says_so(person: Person, prize: str) -> None:
    errors = assert_problem(import_file(person, f"{SEMICOLONS};b;c;{prize}"), 422)["errors"]

    assert (errors[0]["pointer"], errors[0]["detail"]) == (PRIZE, NO_COMMA)
    assert [error["pointer"] for error in errors] == [PRIZE, "/name"]


GOOD = {"name": "a", "Author": "b", "Publisher": "c", "book_prize": 1}
NO_NAMES: list[object] = ["", LONG, None, 1, "a\nb"]
NO_PRIZES: list[object] = ["1", True, 1.5, -1]


@every(
    "line, wrong",
    [
        *((line, [""]) for line in ("x", "{},", "NaN", '{"name":"\\ud800"}', "\0", "null", "1e400", "[{}]")),
        ("{}", ["/name", "/Author", "/Publisher"]),
        *((json.dumps(GOOD | {"name": value}), ["/name"]) for value in NO_NAMES),
        *((json.dumps(GOOD | {"book_prize": value}), [PRIZE]) for value in NO_PRIZES),
        *((json.dumps(GOOD | {name: 1}), [f"/{name}"]) for name in ("id", "author")),
        (json.dumps({"name": "a", "Author": 1, "x": 2}), ["/Author", "/Publisher", "/x"]),
        ("[" * 60_000, [""]),
        (" " * 66_000 + json.dumps(GOOD), [""]),
    ],
)
def test_a_line_of_ndjson_is_held_to_the_rules_of_a_new_book(
    person: Person, line: str, wrong: list[str]
) -> None:
    answer = import_file(person, f"{json.dumps(GOOD)}\n\n{line}\r\n[]", NDJSON)

    assert places(answer) == [*((3, pointer) for pointer in wrong), (4, "")]
    assert shelf_of(person) == []


def test_a_complaint_never_shows_the_value(person: Person) -> None:
    secret = "the secret of 1234"

    for row in (f"a,b,c,{secret}", f'"{secret}', f"{secret}\x07,b,c,", secret, f"{secret * 20},b,c,"):
        assert "1234" not in import_file(person, f"{HEADER}{row}").text
    for line in (secret, json.dumps(secret), json.dumps(GOOD | {"name": f"{secret}\n"})):
        assert "1234" not in import_file(person, line, NDJSON).text

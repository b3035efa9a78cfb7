"""What breaks a rule in an imported file: told by its line, all of it, and then nothing is stored."""

import json

import pytest

from tests.books.files import CSV, HEADER, NDJSON, as_csv, books, import_file, places, shelf_of
from tests.cases import every
from tests.people import Person, assert_problem

LONG = "x" * 201
Place = tuple[int, str]


@every(
    "header, wrong",
    [
        ('""', ["/name", "/Author", "/Publisher", "/"]),
        ("name,Author", ["/Publisher"]),
        ("name,Author,Publisher,price", ["/price"]),
        ("name,Author,publisher", ["/Publisher", "/publisher"]),
        ("name,Author,Publisher,id,a/b~", ["/id", "/a~1b~0"]),
        ("name,name,Author,Publisher", ["/name"]),
        ("name,Author,Publisher,", ["/"]),
        (" name,Author,Publisher", ["/name", "/ name"]),
        ("name;Author;Publisher", ["/name", "/Author", "/Publisher", "/name;Author;Publisher"]),
        ("'name,Author,Publisher", ["/name", "/'name"]),
        ('name,Author,"Publisher', [""]),
        ('name,Au"thor,Publisher', [""]),
        ("name,Author,Publisher,\0", ["/\0"]),
        ("a,b,c", ["/name", "/Author", "/Publisher", "/a", "/b", "/c"]),
    ],
)
def test_a_wrong_header_is_told_and_nothing_else(person: Person, header: str, wrong: list[str]) -> None:
    answer = import_file(person, f"{header}\nmany,more,cells,than,there,are\n")

    assert places(answer) == [(1, pointer) for pointer in wrong]


def test_a_file_with_nothing_in_it_lacks_a_header(person: Person) -> None:
    for body in ("", "\n\n", "\ufeff"):
        assert places(import_file(person, body)) == [(1, "")]


@every(
    "rows, wrong",
    [
        ("a,b,c", [(2, "")]),
        ("a,b,c,1,", [(2, "")]),
        ('""', [(2, "")]),
        ("',' ,'\u3000,", [(2, "/name"), (2, "/Author"), (2, "/Publisher")]),
        (f"{LONG},b,c,1", [(2, "/name")]),
        *((f"a,b,c,{prize}", [(2, "/book_prize")]) for prize in ("x", "-1", "+1", "1.0", "1e3", " 1", "1 ")),
        *(
            (f"a,b,c,{prize}", [(2, "/book_prize")])
            for prize in ("2147483648", "9" * 5000, "١", "１", "''1", "0x1")
        ),
        ("a,b,c,null", [(2, "/book_prize")]),
        ("a\tb,b,c,1", [(2, "/name")]),
        (
            '"a\nb","c\r\nd","e\rf",1\ng,h,i,x',
            [(2, "/name"), (2, "/Author"), (2, "/Publisher"), (6, "/book_prize")],
        ),
        ('a"b,c,d,1', [(2, "")]),
        ('"a"b,c,d,1', [(2, "")]),
        (' "a",c,d,1', [(2, "")]),
        ('"a""b,c,d,1', [(2, "")]),
        ('a,b,c,1\n"a,b,c,1\n', [(3, "")]),
        ('a,b,c,x\n"a,b\n\n,c,1\n\n', [(2, "/book_prize"), (3, "")]),
        ("\n\na,b,c,x\n\r\n \nd,e,f,x", [(4, "/book_prize"), (7, "/book_prize")]),
        ("a,b,c,x\r\rd,e,f,x\r\n\ng,h,i,x", [(2, "/book_prize"), (4, "/book_prize"), (6, "/book_prize")]),
        ("x" * 70_000 + "\na,b,c,x", [(2, ""), (3, "/book_prize")]),
        ('"' + "x\n" * 40_000 + '",b,c,1', [(2, "")]),
    ],
)
def test_a_row_that_breaks_a_rule_is_told_by_its_line(person: Person, rows: str, wrong: list[Place]) -> None:
    answer = import_file(person, f"{HEADER}{rows}")

    assert places(answer)[: len(wrong)] == wrong
    assert shelf_of(person) == []


GOOD = {"name": "a", "Author": "b", "Publisher": "c", "book_prize": 1}
NO_NAMES: list[object] = ["", " ", LONG, None, 1, [], "a\nb", "\x9f"]
NO_PRIZES: list[object] = ["1", True, 1.5, -1, 2**31]


@every(
    "line, wrong",
    [
        *((line, [""]) for line in ("x", "{", "{}x", "{},", "NaN", '{"name":"\\ud800"}', "\0", "{'a':1}")),
        *((line, [""]) for line in ("null", "1", "1e400", "true", '"x"', "[]", "[{}]")),
        ("{}", ["/name", "/Author", "/Publisher"]),
        *((json.dumps(GOOD | {"name": value}), ["/name"]) for value in NO_NAMES),
        *((json.dumps(GOOD | {"book_prize": value}), ["/book_prize"]) for value in NO_PRIZES),
        *((json.dumps(GOOD | {name: 1}), [f"/{name}"]) for name in ("id", "price", "author", "ab")),
        (json.dumps({"name": "a", "Author": 1, "x": 2}), ["/Author", "/Publisher", "/x"]),
        ("[" * 60_000, [""]),
        (" " * 66_000 + json.dumps(GOOD), [""]),
    ],
)
def test_a_line_of_ndjson_is_held_to_the_rules_of_a_new_book(
    person: Person, line: str, wrong: list[str]
) -> None:
    good = json.dumps(GOOD)

    answer = import_file(person, f"{good}\n\n{line}\r\n[]", NDJSON)

    assert places(answer) == [*((3, pointer) for pointer in wrong), (4, "")]
    assert shelf_of(person) == []


@pytest.mark.parametrize("kind", [CSV, NDJSON])
def test_a_hundred_complaints_are_listed_and_all_are_counted(person: Person, kind: str) -> None:
    row = "a,b,c,d,e\n" if kind == CSV else "[]\n"

    answer = import_file(person, (HEADER if kind == CSV else "") + row * 3000, kind)

    problem = assert_problem(answer, 422)
    assert len(problem["errors"]) == 100
    assert problem["error_count"] == 3000
    assert [error["line"] for error in problem["errors"]] == [*range(1 + (kind == CSV), 101 + (kind == CSV))]


def test_duplicates_are_counted_too(person: Person) -> None:
    import_file(person, as_csv(books(1500)))

    problem = assert_problem(
        import_file(person, as_csv(books(1600)), query="?on_duplicate=fail&dry_run=1"), 422
    )

    assert problem["error_count"] == 1500
    assert [error["line"] for error in problem["errors"]] == [*range(2, 102)]


def test_a_complaint_never_shows_the_value(person: Person) -> None:
    secret = "the secret of 1234"

    for row in (f"a,b,c,{secret}", f'"{secret}', f"{secret}\x07,b,c,", secret, f"{secret * 20},b,c,"):
        assert "1234" not in import_file(person, f"{HEADER}{row}").text
    for line in (secret, json.dumps(secret), json.dumps(GOOD | {"name": f"{secret}\n"})):
        assert "1234" not in import_file(person, line, NDJSON).text

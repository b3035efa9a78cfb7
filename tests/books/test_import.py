"""POST /books/import: all books of a file are put on the shelf, or none."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from books_service.transfer.lines import MAX_RECORD
from tests.books.files import (
    CSV,
    HEADER,
    NDJSON,
    as_csv,
    as_ndjson,
    books,
    export,
    import_file,
    places,
    shelf_of,
)
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, assert_problem, book, complaints, register

LIMIT = 16 * 1024 * 1024  # bytes
both = pytest.mark.parametrize(("kind", "write"), [(CSV, as_csv), (NDJSON, as_ndjson)], ids=["csv", "ndjson"])


@both
def test_the_books_of_a_file_are_put_on_the_shelf_in_their_order(
    person: Person, kind: str, write: Any
) -> None:
    sent = [*books(3), {"name": "Ä, b", "Author": "-c", "Publisher": '"', "book_prize": None}]

    answer = import_file(person, write(sent), kind)

    assert (answer.status_code, answer.json()) == (200, {"created": 4, "skipped": 0})
    assert answer.headers["Cache-Control"] == "no-store"
    assert shelf_of(person) == sent
    assert [each["name"] for each in person.get("/books?limit=2").json()["list_of_books"]] == [
        "Book 0",
        "Book 1",
    ]


@both
def test_a_file_without_books_is_fine(person: Person, kind: str, write: Any) -> None:
    assert import_file(person, write([]), kind).json() == {"created": 0, "skipped": 0}


def test_an_imported_book_is_like_any_other(person: Person) -> None:
    import_file(person, as_csv(books(1)))

    assert_problem(person.post("/books", books(1)[0]), 409, "book already exists")
    made = person.get("/books").json()["list_of_books"][0]
    assert made["created_at"] == made["updated_at"]
    assert person.get(f"/books/{made['id']}").json() == made
    assert person.delete(f"/books/{made['id']}").status_code == 200
    assert import_file(person, as_csv(books(1))).json() == {"created": 1, "skipped": 0}


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_end_in_any_way_and_a_byte_order_mark_is_taken(
    person: Person, end: str, mark: str, last: bool
) -> None:
    lines = ["name,Author,Publisher,book_prize", "a,b,c,1", "", "d,e,f,", " \t"]

    answer = import_file(person, mark + end.join(lines) + end * last)

    assert answer.json() == {"created": 2, "skipped": 0}
    assert export(person).decode() == f"{HEADER}a,b,c,1\r\nd,e,f,\r\n"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_same_is_so_for_ndjson(person: Person, end: str, mark: str) -> None:
    lines = ["", '{"name":"a","Author":"b","Publisher":"c"}', "  ", '{ "book_prize" : 12.0, "name":"d" ,']
    lines[-1] += '"Author":"e","Publisher":"\\u0066"}'

    answer = import_file(person, mark + end.join(lines), NDJSON)

    assert answer.json() == {"created": 2, "skipped": 0}
    assert export(person).decode() == f"{HEADER}a,b,c,\r\nd,e,f,12\r\n"


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("Author,name,Publisher\nb,a,c", "a,b,c,"),
        ('"name","Author","Publisher","book_prize"\n"a","b","c","1"', "a,b,c,1"),
        ("name,Author,Publisher,book_prize\n'a,''b,'=c,'12", "a,'b,=c,12"),
        ("name,Author,Publisher,book_prize\n=a,+b,-c,", "=a,+b,-c,"),
        ("name,Author,Publisher,book_prize\n'a,b,c,'", "a,b,c,"),
        ("name,Author,Publisher,book_prize\na,b,c,02147483647", "a,b,c,2147483647"),
        (f"name,Author,Publisher,book_prize\na,b,c,{'0' * 5000}", "a,b,c,0"),
        ('name,Author,Publisher\n"a,""b""",x\'y, c ', 'a,"b",x\'y, c ,'),
    ],
)
def test_what_csv_may_look_like(person: Person, file: str, row: str) -> None:
    assert import_file(person, file).json() == {"created": 1, "skipped": 0}
    name, author, publisher, prize = list(shelf_of(person)[0].values())
    assert f"{name},{author},{publisher},{'' if prize is None else prize}" == row


@both
def test_books_that_are_there_are_skipped(person: Person, kind: str, write: Any) -> None:
    person.add_book(name="STRASSE", Author="Ann", Publisher="First")
    sent = [book(name="Straße"), book(name="New"), book(name="nEW", Publisher="Other"), book(name="Newer")]

    answer = import_file(person, write(sent), kind, "?on_duplicate=skip")

    assert answer.json() == {"created": 2, "skipped": 2}
    assert [each["name"] for each in shelf_of(person)] == ["STRASSE", "New", "Newer"]


@both
def test_books_that_are_there_fail_if_they_shall(person: Person, kind: str, write: Any) -> None:
    person.add_book(name="Old", Author="Ann")
    sent = [book(name="a"), book(name="old"), book(name="b"), book(name="A"), book(name="OLD")]
    first = 2 if kind == CSV else 1

    answer = import_file(person, write(sent), kind, "?on_duplicate=fail")

    assert_problem(answer, 422)
    assert places(answer) == [(first + place, "") for place in (1, 3, 4)]
    assert len(shelf_of(person)) == 1


def test_duplicates_and_bad_rows_are_told_together(person: Person) -> None:
    person.add_book(name="Old", Author="Ann")

    answer = import_file(
        person, f"{HEADER}\na,b,c,x\nold,Ann,p,\nb,b,c,\nB,b,c,\n", query="?on_duplicate=fail"
    )

    assert places(answer) == [(3, "/book_prize"), (4, ""), (6, "")]
    assert answer.json()["error_count"] == 3


@pytest.mark.parametrize("query", ["?dry_run=1", "?dry_run=1&on_duplicate=fail"])
@pytest.mark.parametrize(
    "file", [as_csv(books(5)), as_csv([*books(5), *books(2)]), f"{HEADER}a,b,c,x\n", HEADER, "x", b"\xff"]
)
def test_a_dry_run_answers_as_the_import_would_and_stores_nothing(
    person: Person, query: str, file: bytes
) -> None:
    import_file(person, as_csv(books(2)))
    before = person.get("/books").text

    tried = import_file(person, file, query=query)

    assert person.get("/books").text == before
    done = import_file(person, file, query=query.replace("dry_run=1", "dry_run=0"))
    assert (tried.status_code, tried.content) == (done.status_code, done.content)


@pytest.mark.parametrize("dry_run", [0, 1])
def test_a_shelf_takes_no_more_than_it_may(pair: Pair, dry_run: int) -> None:
    person = register(pair.variant(BOOKS_PER_USER="5"))
    import_file(person, as_csv(books(3)))
    query = f"?dry_run={dry_run}"

    assert_problem(import_file(person, as_csv(books(6)), query=query), 409, "shelf is full")
    assert_problem(import_file(person, as_csv(books(6)[2:]), query=query), 409, "shelf is full")
    assert_problem(import_file(person, as_csv(books(50)), query=query), 409, "shelf is full")
    assert len(shelf_of(person)) == 3
    assert places(import_file(person, as_csv([*books(50), book(name="")]), query=query)) == [(52, "/name")]
    assert_duplicates_come_before_the_end_of_the_shelf(person, f"{query}&on_duplicate=fail")
    assert import_file(person, as_csv(books(5)), query=query).json() == {"created": 2, "skipped": 3}
    if not dry_run:
        assert import_file(person, as_csv(books(5)), query=query).json() == {"created": 0, "skipped": 5}
        assert_problem(person.post("/books", book()), 409, "shelf is full")


def assert_duplicates_come_before_the_end_of_the_shelf(person: Person, query: str) -> None:
    """Fail unless each duplicate in a file that is too long is told, far behind the last place as well."""
    last_first = [*reversed(books(50))]

    assert places(import_file(person, as_csv(last_first), query=query)) == [(49, ""), (50, ""), (51, "")]
    assert places(import_file(person, as_csv([*last_first[:40], last_first[39]]), query=query)) == [(42, "")]
    assert_problem(import_file(person, as_csv(last_first[:40]), query=query), 409, "shelf is full")


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/json",
        "text/csv; charset=latin-1",
        "text/csvx",
        "text/csv\xa0",
        "text/csv\x85;charset=utf-8",
    ],
)
def test_another_type_is_415(person: Person, kind: str) -> None:
    answer = import_file(person, HEADER, kind)

    assert_problem(answer, 415, "the body must be text/csv or application/x-ndjson in UTF-8")


@pytest.mark.parametrize(
    "kind", ["TEXT/CSV", "text/csv; charset=utf-8", 'text/csv; charset="UTF-8"; header=present']
)
def test_the_type_may_have_parameters(person: Person, kind: str) -> None:
    assert import_file(person, HEADER, kind).status_code == 200


def test_a_record_without_an_end_is_wrong_and_the_lines_behind_it_keep_their_numbers(person: Person) -> None:
    ends_in_a_line_end = "x" * MAX_RECORD + "\r\n"
    endless = "x" * 3 * MAX_RECORD + "\r\n"

    answer = import_file(person, HEADER + ends_in_a_line_end + endless + "too,few\r\n")

    assert places(answer) == [(2, ""), (3, ""), (4, "")]


def test_a_compressed_file_is_415(person: Person) -> None:
    assert_problem(import_file(person, HEADER, **{"Content-Encoding": "gzip"}), 415)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_over_16_mib_is_413(person: Person, chunked: bool) -> None:
    body = HEADER.encode().ljust(LIMIT)

    assert places(import_file(person, iter([body]) if chunked else body)) == [(2, "")]
    for kind in (CSV, "text/plain"):
        larger = body + b" "
        assert_problem(import_file(person, iter([larger]) if chunked else larger, kind), 413)


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)  # no database is asked
def test_a_file_of_more_than_a_million_records_is_413(person: Person) -> None:
    answer = import_file(person, b"1\n" * 1_000_001, NDJSON)

    assert_problem(answer, 413, "a file has at most 1000000 records")


@both
@every("bad", [b"\xff", b"\xc3", b"\xef", b"\xef\xbb", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_what_is_not_utf_8_is_400(person: Person, kind: str, write: Any, bad: bytes) -> None:
    for body in (
        bad,
        write(books(9000)) + bad,
        b"no header\n" * 9000 + bad,
        write(books(1)).replace(b"Book", bad),
    ):
        assert_problem(import_file(person, body, kind), 400, "the body is not UTF-8")
    assert shelf_of(person) == []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("dry_run=2", ["dry_run"]),
        ("dry_run=", ["dry_run"]),
        ("on_duplicate=replace", ["on_duplicate"]),
        ("format=csv&x=1", ["format", "x"]),
        ("dry_run=0&dry_run=0", ["dry_run"]),
    ],
)
def test_a_query_that_breaks_a_rule_is_refused(person: Person, query: str, wrong: list[str]) -> None:
    assert complaints(import_file(person, as_csv(books(1)), query=f"?{query}")) == wrong
    assert complaints(import_file(person, f"{HEADER}a,b", query=f"?{query}")) == [*wrong, ""]
    assert shelf_of(person) == []


def test_the_order_of_refusals(person: Person) -> None:
    large = b"\xff" * (LIMIT + 1)

    assert_problem(import_file(person, large, "text/plain", "?x=1", Authorization="Bearer x"), 401)
    assert_problem(import_file(person, large, "text/plain", "?x=1"), 413)
    assert_problem(import_file(person, b"\xff", "text/plain", "?x=1"), 415)
    assert_problem(import_file(person, b"\xff", CSV, "?x=1"), 400)
    assert_problem(import_file(person, b"", CSV, "?x=1"), 422)


def test_imports_at_once_put_each_book_there_once(person: Person) -> None:
    sent = as_csv(books(3000))

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: import_file(person, sent), range(6)))

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["created"] for answer in answers) == 3000
    assert sum(answer.json()["skipped"] for answer in answers) == 5 * 3000
    assert len(shelf_of(person)) == 3000


def test_imports_and_inserts_at_once_do_not_fill_a_shelf_beyond_its_end(pair: Pair) -> None:
    person = register(pair.variant(BOOKS_PER_USER="1000"))
    import_file(person, as_csv(books(700, Author="first")))

    def write(number: int) -> int:
        if number % 4:
            return person.post("/books", book()).status_code
        return import_file(person, as_csv(books(200, Author=f"import {number}"))).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(write, range(24)))

    assert set(statuses) == {200, 201, 409}
    assert len(shelf_of(person)) == 700 + 200 * statuses.count(200) + statuses.count(201) <= 1000

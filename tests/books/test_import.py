"""POST /books/import: all books of a file are put on the shelf, or none."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.books.conftest import somebody
from tests.books.files import CSV, HEADER, NDJSON, as_csv, as_ndjson, books, import_file, places, shelf_of
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, assert_problem, book

both = pytest.mark.parametrize(("kind", "write"), [(CSV, as_csv), (NDJSON, as_ndjson)], ids=["csv", "ndjson"])


def test_an_imported_book_is_like_any_other(person: Person) -> None:
    import_file(person, as_csv(books(1)))

    assert_problem(person.post("/books", books(1)[0]), 409, "book already exists")
    [made] = person.get("/books").json()["list_of_books"]
    assert made["created_at"] == made["updated_at"]
    assert person.delete(f"/books/{made['id']}").status_code == 200
    assert import_file(person, as_csv(books(1))).json() == {"created": 1, "skipped": 0}


@both
def test_books_that_are_there_are_skipped(person: Person, kind: str, write: Any) -> None:
    person.add_book(name="STRASSE", Author="Ann", Publisher="First")
    sent = [book(name="Straße"), book(name="New"), book(name="nEW", Publisher="Other"), book(name="Newer")]

    answer = import_file(person, write(sent), kind, "?on_duplicate=skip")

    assert (answer.status_code, answer.json()) == (200, {"created": 2, "skipped": 2})
    assert answer.headers["Cache-Control"] == "no-store"
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


def test_duplicates_and_bad_rows_are_told_together_and_counted(person: Person) -> None:
    import_file(person, as_csv(books(1500)))
    file = f"{HEADER}\na,b,c,x\nBOOK 7,Ann,p,\nb,b,c,\nB,b,c,\n"

    few = import_file(person, file, query="?on_duplicate=fail")
    many = import_file(person, as_csv(books(1600)) + b"x\n", query="?on_duplicate=fail&dry_run=1")

    assert places(few) == [(3, "/book_prize"), (4, ""), (6, "")]
    assert few.json()["error_count"] == 3
    assert [line for line, _ in places(many)] == [*range(2, 102)]
    assert many.json()["error_count"] == 1501


@every("query", ["?dry_run=1", "?dry_run=1&on_duplicate=fail"])
@every("file", [as_csv(books(5)), as_csv([*books(5), *books(2)]), f"{HEADER}a,b,c,x\n", HEADER])
def test_a_dry_run_answers_as_the_import_would_and_stores_nothing(
    pair: Pair, query: str, file: bytes
) -> None:
    person = somebody(pair)
    import_file(person, as_csv(books(2)))
    before = person.get("/books").text

    tried = import_file(person, file, query=query)

    assert person.get("/books").text == before
    done = import_file(person, file, query=query.replace("dry_run=1", "dry_run=0"))
    assert (tried.status_code, tried.content) == (done.status_code, done.content)


@every("dry_run", [0, 1])
def test_a_shelf_takes_no_more_than_it_may(narrow_pair: Pair, dry_run: int) -> None:
    person, query = somebody(narrow_pair), f"?dry_run={dry_run}"
    import_file(person, as_csv(books(8)))

    for file in (books(11), books(11)[7:], books(50)):
        assert_problem(import_file(person, as_csv(file), query=query), 409, "shelf is full")
    assert len(shelf_of(person)) == 8
    assert places(import_file(person, as_csv([*books(50), book(name="")]), query=query)) == [(52, "/name")]
    assert import_file(person, as_csv(books(10)), query=query).json() == {"created": 2, "skipped": 8}
    if not dry_run:
        assert import_file(person, as_csv(books(10)), query=query).json() == {"created": 0, "skipped": 10}
        assert_problem(person.post("/books", book()), 409, "shelf is full")


@every("dry_run", [0, 1])
def test_duplicates_come_before_the_end_of_the_shelf(narrow_pair: Pair, dry_run: int) -> None:
    """Each duplicate in a file that is too long is told, far behind the last place as well."""
    person, query = somebody(narrow_pair), f"?dry_run={dry_run}&on_duplicate=fail"
    import_file(person, as_csv(books(3)))
    last_first = [*reversed(books(50))]

    assert places(import_file(person, as_csv(last_first), query=query)) == [(49, ""), (50, ""), (51, "")]
    assert places(import_file(person, as_csv([*last_first[:40], last_first[39]]), query=query)) == [(42, "")]
    assert_problem(import_file(person, as_csv(last_first[:40]), query=query), 409, "shelf is full")


def test_imports_at_once_put_each_book_there_once(person: Person) -> None:
    sent = as_csv(books(1500))  # a file of twice the length needs a place

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: import_file(person, sent), range(4)))

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["created"] for answer in answers) == 1500
    assert sum(answer.json()["skipped"] for answer in answers) == 3 * 1500
    assert len(shelf_of(person)) == 1500


def test_imports_and_inserts_at_once_do_not_fill_a_shelf_beyond_its_end(pair: Pair) -> None:
    person = somebody(pair.variant(BOOKS_PER_USER="1000"))
    import_file(person, as_csv(books(700, Author="first")))

    def write(number: int) -> int:
        if number % 4:
            return person.post("/books", book()).status_code
        return import_file(person, as_csv(books(200, Author=f"import {number}"))).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(write, range(24)))

    assert set(statuses) == {200, 201, 409}
    assert len(shelf_of(person)) == 700 + 200 * statuses.count(200) + statuses.count(201) <= 1000

"""POST /books/import: all books of a file are put on the shelf, or none."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, text

from books_service.models import Book
from books_service.shelf.put import new_row
from tests.books.conftest import counted, somebody, transaction
from tests.books.files import CSV, HEADER, NDJSON, as_csv, as_ndjson, books, import_file, places, shelf_of
from tests.cases import every, on_postgresql
from tests.pair import Pair
from tests.people import Person, assert_problem, book
from tests.waiting import wait_until

DELETE = text("INSERT INTO deleted_users (public_id, position, deleted_at) VALUES (:owner, 0, now())")


@pytest.mark.parametrize(("kind", "write", "first"), [(CSV, as_csv, 2), (NDJSON, as_ndjson, 1)])
def test_books_that_are_there_fail_if_they_shall_and_else_are_skipped(
    person: Person, kind: str, write: Any, first: int
) -> None:
    person.add_book(name="STRASSE", Author="Ann")
    sent = [book(name="a"), book(name="Straße"), book(name="b"), book(name="A"), book(name="strasse")]

    failed = import_file(person, write(sent), kind, "?on_duplicate=fail")
    assert_problem(failed, 422)
    assert places(failed) == [(first + place, "") for place in (1, 3, 4)]
    assert len(shelf_of(person)) == 1
    skipped = import_file(person, write(sent), kind, "?on_duplicate=skip")
    assert (skipped.status_code, skipped.json()) == (200, {"created": 2, "skipped": 3})
    assert skipped.headers["Cache-Control"] == "no-store"

    assert [each["name"] for each in shelf_of(person)] == ["STRASSE", "a", "b"]
    assert_problem(person.post("/books", sent[0]), 409, "book already exists")
    made = person.get("/books").json()["list_of_books"][1]
    assert made["created_at"] == made["updated_at"]
    assert person.delete(f"/books/{made['id']}").status_code == 200
    assert import_file(person, write(sent), kind).json() == {"created": 1, "skipped": 4}


def test_duplicates_and_bad_rows_are_told_together_and_counted(person: Person) -> None:
    import_file(person, as_csv(books(1500)))
    file = f"{HEADER}\na,b,c,x\nBOOK 7,Ann,p,\nb,b,c,\nB,b,c,\n"

    few = import_file(person, file, query="?on_duplicate=fail")
    many = import_file(person, as_csv(books(1600)) + b"x\n", query="?on_duplicate=fail&dry_run=1")
    invalid = import_file(person, HEADER + ",b,c,x\n" * 150)

    assert places(few) == [(3, "/book_prize"), (4, ""), (6, "")]
    assert few.json()["error_count"] == 3
    assert [line for line, _ in places(many)] == [*range(2, 102)]
    assert many.json()["error_count"] == 1501
    assert [line for line, _ in places(invalid)] == [line for line in range(2, 52) for _ in range(2)]
    assert invalid.json()["error_count"] == 300


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
    # Each duplicate in a file that is too long is told, far behind the last place as well.
    fail, last_first = f"{query}&on_duplicate=fail", [*reversed(books(50))]
    assert [line for line, _ in places(import_file(person, as_csv(last_first), query=fail))] == [
        *range(44, 52)
    ]
    assert places(import_file(person, as_csv([*last_first[:40], last_first[39]]), query=fail)) == [(42, "")]
    assert_problem(import_file(person, as_csv(last_first[:40]), query=fail), 409, "shelf is full")
    assert import_file(person, as_csv(books(10)), query=query).json() == {"created": 2, "skipped": 8}
    if not dry_run:
        assert import_file(person, as_csv(books(10)), query=query).json() == {"created": 0, "skipped": 10}
        assert_problem(person.post("/books", book()), 409, "shelf is full")


def test_imports_at_once_put_each_book_there_once(person: Person) -> None:
    sent = as_csv(books(1500))  # a file of twice the length needs a place

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: import_file(person, sent), range(4)))

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["created"] for answer in answers) == 1500
    assert sum(answer.json()["skipped"] for answer in answers) == 3 * 1500
    assert len(shelf_of(person)) == 1500


@on_postgresql  # SQLite has one writer at a time
def test_whoever_is_deleted_while_books_are_inserted_gets_none(person: Person) -> None:
    with ThreadPoolExecutor(1) as threads:
        with transaction(person.pair) as rival:  # whose title holds the import up
            rival.execute(insert(Book), new_row(person.public_id, books(1)[0], datetime.now(UTC)))
            answer = threads.submit(import_file, person, as_csv(reversed(books(2000))))
            wait_until(lambda: is_waiting(person.pair), "the import has begun")
            with transaction(person.pair) as follower:
                follower.execute(DELETE, {"owner": person.public_id})
            rival.rollback()
        assert_problem(answer.result(), 401, "token is invalid")

    assert counted(person) == (0, 0)


def is_waiting(pair: Pair) -> bool:
    with transaction(pair) as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

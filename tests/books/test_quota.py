"""A shelf holds as many books as it may and no more, whoever writes to it at once."""

import uuid
from collections import Counter

import pytest

from tests.books.conftest import Sent, send_at_once, somebody
from tests.books.database import counted, keys_of
from tests.pair import Pair
from tests.people import Person, assert_problem, book

FULL = "shelf is full"


@pytest.fixture
def person(narrow_pair: Pair) -> Person:
    """Return somebody whose shelf holds ten books."""
    return somebody(narrow_pair)


def fill(person: Person) -> list[str]:
    """Put ten books on the shelf; return where they are."""
    return [f"/books/{person.add_book()['id']}" for _ in range(10)]


def new_key() -> dict[str, str]:
    return {"Idempotency_Key": str(uuid.uuid4())}


def test_the_eleventh_book_is_refused(person: Person) -> None:
    paths, headers, sent = fill(person), person.with_token(**new_key()), book()

    assert_problem(person.post("/books", sent), 409, FULL)
    assert_problem(person.post("/book", sent, headers=headers), 409, FULL)
    assert (counted(person), keys_of(person)) == ((10, 10), set())

    assert person.delete(paths[0]).status_code == 200
    assert counted(person) == (9, 9)
    assert person.post("/books", sent, headers=headers).status_code == 201
    assert person.post("/books", sent, headers=headers).headers["Idempotency-Replayed"] == "true"
    assert_problem(person.post("/books", book()), 409, FULL)
    assert counted(person) == (10, 10)


def test_changes_need_no_room(person: Person) -> None:
    paths, nowhere = fill(person), "/books/9007199254740993"

    assert person.put(paths[0], book()).status_code == 200
    assert person.patch(paths[1], {"name": "Another"}).status_code == 200
    assert_problem(person.put(nowhere, book()), 404)
    assert_problem(person.delete(paths[2], headers=person.with_token(If_Match='"9"')), 412)
    assert_problem(person.delete(nowhere), 404)
    assert counted(person) == (10, 10)


def test_simultaneous_inserts_stop_at_ten(person: Person) -> None:
    answers = send_at_once(
        person, [("POST", "/books", book(), new_key() if number % 2 else {}) for number in range(20)]
    )

    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 10}
    assert {answer.json()["message"] for answer in answers} == {"new books created", FULL}
    assert counted(person) == (10, 10)


def test_simultaneous_deletions_and_inserts_leave_the_right_count(person: Person) -> None:
    deletions: list[Sent] = [("DELETE", path, None, {}) for path in fill(person)[:5] * 2]
    inserts: list[Sent] = [("POST", "/books", book(), new_key() if n % 2 else {}) for n in range(10)]

    answers = send_at_once(person, [each for pair in zip(deletions, inserts, strict=True) for each in pair])

    made = sum(answer.status_code == 201 for answer in answers)
    assert Counter(answer.status_code for answer in answers[::2]) == {200: 5, 404: 5}
    assert {answer.status_code for answer in answers[1::2]} <= {201, 409}
    assert counted(person) == (5 + made, 5 + made)
    assert made <= 5

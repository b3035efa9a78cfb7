"""A shelf holds as many books as it may and no more, whoever writes to it at once."""

import uuid
from collections import Counter

import pytest
import requests

from tests.at_once import at_once
from tests.books.conftest import somebody
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


def keyed(person: Person) -> dict[str, str]:
    """Return headers with a new key."""
    return person.with_token(Idempotency_Key=str(uuid.uuid4()))


def test_the_eleventh_book_is_refused(person: Person) -> None:
    paths, headers, sent = fill(person), keyed(person), book()

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
    url = person.pair.url("books")

    def put(session: requests.Session, number: int) -> requests.Response:
        headers = keyed(person) if number % 2 else person.with_token()
        return session.post(f"{url}/books", json=book(), headers=headers, timeout=30)

    answers = at_once(20, url, put)

    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 10}
    assert {answer.json()["message"] for answer in answers} == {"new books created", FULL}
    assert counted(person) == (10, 10)


def test_simultaneous_deletions_and_inserts_leave_the_right_count(person: Person) -> None:
    paths, url = fill(person), person.pair.url("books")

    def put_or_take(session: requests.Session, number: int) -> requests.Response:
        if number % 2:  # each book by two of them
            return session.delete(url + paths[number // 4], headers=person.with_token(), timeout=30)
        headers = keyed(person) if number % 4 else person.with_token()
        return session.post(f"{url}/books", json=book(), headers=headers, timeout=30)

    answers = at_once(20, url, put_or_take)

    made = sum(answer.status_code == 201 for answer in answers)
    assert Counter(answer.status_code for answer in answers[1::2]) == {200: 5, 404: 5}
    assert {answer.status_code for answer in answers[::2]} <= {201, 409}
    assert counted(person) == (5 + made, 5 + made)
    assert made <= 5

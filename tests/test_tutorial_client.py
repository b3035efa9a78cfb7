"""A client of the tutorial, request by request as it was written, works unchanged."""

import json
from typing import Any

import pytest

from tests import api
from tests.pair import Pair
from tests.people import new_name

PASSWORD = "a password of the tutorial"
BOOK: dict[str, Any] = {
    "name": "Harry Potter",
    "Author": "J.K. Rowling",
    "Publisher": "Bloomsbury",
    "book_prize": 100,
}
MEMBERS = {"id", "name", "Author", "Publisher", "book_prize"}


@pytest.fixture
def name(pair: Pair) -> str:
    """Register somebody as the tutorial does, and return the name."""
    name = new_name()
    data = json.dumps({"name": name, "password": PASSWORD})
    headers = {"Content-Type": "application/json"}
    answer = api.post(pair.url("auth") + "/register", data=data, headers=headers, timeout=30)
    assert answer.json()["message"] == "registered successfully"
    return name


@pytest.fixture
def headers(pair: Pair, name: str) -> dict[str, str]:
    """Log in as the tutorial does, and return the header with the token."""
    answer = api.post(pair.url("auth") + "/login", auth=(name, PASSWORD), timeout=30)
    assert answer.status_code == 200
    return {"x-access-tokens": answer.json()["token"]}


def test_a_book_goes_on_the_shelf_and_off_again(pair: Pair, headers: dict[str, str]) -> None:
    url = pair.url("books")

    made = api.post(f"{url}/book", json=BOOK, headers=headers, timeout=30)
    assert made.json()["message"] == "new books created"

    shelf = api.get(f"{url}/books", headers=headers, timeout=30).json()["list_of_books"]
    assert [{member: book[member] for member in BOOK} for book in shelf] == [BOOK]
    assert shelf[0].keys() >= MEMBERS

    deleted = api.delete(f"{url}/books/{shelf[0]['id']}", headers=headers, timeout=30)
    assert deleted.json() == {"message": "Book deleted"}
    assert api.get(f"{url}/books", headers=headers, timeout=30).json()["list_of_books"] == []


def test_what_goes_wrong_is_said_in_the_tutorial_s_words(
    pair: Pair, name: str, headers: dict[str, str]
) -> None:
    auth, books = pair.url("auth"), pair.url("books")
    wrong = {"x-access-tokens": "nonsense"}
    api.post(f"{books}/book", json=BOOK, headers=headers, timeout=30)

    told = [
        api.get(f"{books}/books", timeout=30),
        api.get(f"{books}/books", headers=wrong, timeout=30),
        api.post(f"{auth}/login", timeout=30),
        api.post(f"{auth}/login", auth=(name, "wrong"), timeout=30),
        api.post(f"{auth}/register", json={"name": name, "password": PASSWORD}, timeout=30),
        api.delete(f"{books}/books/{2**40}", headers=headers, timeout=30),
        api.post(f"{books}/book", json=BOOK, headers=headers, timeout=30),
    ]

    assert [(answer.status_code, answer.json()["message"]) for answer in told] == [
        (401, "a valid token is missing"),
        (401, "token is invalid"),
        (401, "could not verify"),
        (401, "could not verify"),
        (409, "name is already taken"),
        (404, "book does not exist"),
        (409, "book already exists"),
    ]

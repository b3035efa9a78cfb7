"""A client of the tutorial, request by request as it was written, works unchanged."""

import json

import pytest

from tests import api
from tests.pair import Pair
from tests.people import new_name

PASSWORD = "a password of the tutorial"
BOOK = {"name": "Harry Potter", "Author": "J.K. Rowling", "Publisher": "Bloomsbury", "book_prize": 100}


@pytest.fixture
def name(pair: Pair) -> str:
    """Register somebody as the tutorial does, and return the name."""
    name = new_name()
    data = json.dumps({"name": name, "password": PASSWORD})
    headers = {"Content-Type": "application/json"}
    answer = api.post(pair.url("auth") + "/register", data=data, headers=headers)
    assert answer.json()["message"] == "registered successfully"
    return name


@pytest.fixture
def headers(pair: Pair, name: str) -> dict[str, str]:
    """Log in as the tutorial does, and return the header with the token."""
    answer = api.post(pair.url("auth") + "/login", auth=(name, PASSWORD))
    assert answer.status_code == 200
    return {"x-access-tokens": answer.json()["token"]}


def test_a_book_goes_on_the_shelf_and_off_again(pair: Pair, headers: dict[str, str]) -> None:
    url = pair.url("books")

    made = api.post(f"{url}/book", json=BOOK, headers=headers)
    (shown,) = api.get(f"{url}/books", headers=headers).json()["list_of_books"]
    deleted = api.delete(f"{url}/books/{shown['id']}", headers=headers)

    assert made.json()["message"] == "new books created"
    assert BOOK.items() <= shown.items()
    assert deleted.json() == {"message": "Book deleted"}
    assert api.get(f"{url}/books", headers=headers).json()["list_of_books"] == []


def test_what_goes_wrong_is_said_in_the_tutorial_s_words(
    pair: Pair, name: str, headers: dict[str, str]
) -> None:
    auth, books = pair.url("auth"), pair.url("books")
    wrong = {"x-access-tokens": "nonsense"}
    api.post(f"{books}/book", json=BOOK, headers=headers)

    told = [
        api.get(f"{books}/books"),
        api.get(f"{books}/books", headers=wrong),
        api.post(f"{auth}/login"),
        api.post(f"{auth}/login", auth=(name, "wrong")),
        api.post(f"{auth}/register", json={"name": name, "password": PASSWORD}),
        api.delete(f"{books}/books/{2**40}", headers=headers),
        api.post(f"{books}/book", json=BOOK, headers=headers),
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

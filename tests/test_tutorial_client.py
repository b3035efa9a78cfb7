"""A client of the tutorial, request by request as it was written, works unchanged.

That what goes wrong is said in the tutorial's words is in the tests of each route.
"""

import json

import pytest

from tests import api
from tests.pair import Pair
from tests.people import new_name

PASSWORD = "a password of the tutorial"
BOOK = {"name": "Harry Potter", "Author": "J.K. Rowling", "Publisher": "Bloomsbury", "book_prize": 100}


@pytest.fixture
def headers(pair: Pair) -> dict[str, str]:
    """Register and log in as the tutorial does, and return the header with the token."""
    name = new_name()
    data = json.dumps({"name": name, "password": PASSWORD})
    headers = {"Content-Type": "application/json"}
    answer = api.post(pair.url("auth") + "/register", data=data, headers=headers)
    assert answer.json()["message"] == "registered successfully"
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

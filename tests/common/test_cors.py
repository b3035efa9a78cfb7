"""Pages of other origins: only those that CORS_ORIGINS names may read an answer."""

import pytest
import requests

from tests.cases import every
from tests.pair import Pair
from tests.people import Person, assert_problem, register

SHOP, OTHER_SHOP = "https://shop.example", "http://localhost:3000"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture
def open_pair(pair: Pair) -> Pair:
    """Return both services, open to the pages of two origins."""
    return pair.variant(CORS_ORIGINS=f"{SHOP}, {OTHER_SHOP}")


@pytest.fixture
def visitor(open_pair: Pair) -> Person:
    return register(open_pair)


def asked_by(person: Person, origin: str, path: str = "/books", method: str = "GET") -> requests.Response:
    headers = {"Authorization": f"Bearer {person.token}", "Origin": origin}
    if method == "OPTIONS":
        headers = {"Origin": origin, **PREFLIGHT}
    return person.request(method, "books", path, headers=headers)


@every("origin", [SHOP, OTHER_SHOP])
@every("path, status", [("/books", 200), ("/books?x=1", 422), ("/books/1", 404), ("/nowhere", 404)])
def test_a_page_of_a_named_origin_may_read_the_answer(
    visitor: Person, origin: str, path: str, status: int
) -> None:
    answer = asked_by(visitor, origin, path)

    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert {"X-Request-ID", "Location", "Link"} <= words(answer, "Access-Control-Expose-Headers")
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert words(answer, "Vary") == {"Origin"}


@every(
    "origin",
    ["https://evil.example", "null", "*", "", "https://SHOP.example", "https://shop.example.evil.example"]
    + [
        "https://shop.example:443",
        "http://shop.example",
        "https://shop.example/",
        f"{SHOP}, {OTHER_SHOP}",
        f"{SHOP}.",
        "https://shop",
    ],
)
@every("method", ["GET", "OPTIONS"])
def test_a_page_of_another_origin_may_not(visitor: Person, origin: str, method: str) -> None:
    answer = asked_by(visitor, origin, method=method)

    assert not [name for name in answer.headers if name.startswith("Access-Control-")]
    assert words(answer, "Vary") == {"Origin"}


@pytest.mark.parametrize("path", ["/books", "/book", "/books/1"])
def test_a_browser_that_asks_first_is_told_without_a_token(visitor: Person, path: str) -> None:
    answer = asked_by(visitor, SHOP, path, "OPTIONS")

    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert words(answer, "Access-Control-Allow-Methods") == words(answer, "Allow")
    assert {"Authorization", "Content-Type", "x-access-tokens"} <= words(
        answer, "Access-Control-Allow-Headers"
    )
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_a_page_may_use_conditions_and_keys(visitor: Person) -> None:
    before, answer = asked_by(visitor, SHOP, "/books/1", "OPTIONS"), asked_by(visitor, SHOP)

    assert {"PUT", "PATCH", "DELETE"} <= words(before, "Access-Control-Allow-Methods")
    assert {"If-Match", "If-None-Match", "Idempotency-Key"} <= words(before, "Access-Control-Allow-Headers")
    assert {"ETag", "Idempotency-Replayed", "Content-Disposition"} <= words(
        answer, "Access-Control-Expose-Headers"
    )


def test_a_missing_token_can_be_read_by_the_page(visitor: Person) -> None:
    answer = visitor.get("/books", headers={"Origin": SHOP})

    assert_problem(answer, 401, "a valid token is missing")
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP


def test_both_services_are_open(visitor: Person) -> None:
    answer = visitor.get("/me", "auth", headers={"Origin": SHOP, "x-access-tokens": visitor.token})

    assert answer.headers["Access-Control-Allow-Origin"] == SHOP


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_nobody_is_let_in_unless_a_setting_says_so(reader: Person, method: str) -> None:
    answer = asked_by(reader, SHOP, method=method)

    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]


def words(answer: requests.Response, header: str) -> set[str]:
    """Return the items of a header that is a list."""
    return {item.strip() for item in answer.headers[header].split(",")}

"""Pages of other origins: only those that CORS_ORIGINS names may read an answer."""

import pytest
import requests

from tests.cases import every
from tests.pair import Pair
from tests.people import Person, assert_problem, register

# Who may read an answer is decided by no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

SHOP, OTHER_SHOP = "https://shop.example", "http://localhost:3000"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture
def visitor(pair: Pair) -> Person:
    """Return somebody registered with both services, which are open to the pages of two origins."""
    return register(pair.variant(CORS_ORIGINS=f"{SHOP}, {OTHER_SHOP}"))


def asked_by(person: Person, origin: str, path: str = "/books", method: str = "GET") -> requests.Response:
    headers = person.with_token() if method == "GET" else PREFLIGHT
    return person.request(method, "books", path, headers={"Origin": origin, **headers})


def words(answer: requests.Response, header: str) -> set[str]:
    """Return the items of a header that is a list."""
    return {item.strip() for item in answer.headers[header].split(",")}


@every("origin", [SHOP, OTHER_SHOP])
@every("path, status", [("/books", 200), ("/books?x=1", 422), ("/books/1", 404), ("/nowhere", 404)])
def test_a_page_of_a_named_origin_may_read_the_answer(
    visitor: Person, origin: str, path: str, status: int
) -> None:
    answer = asked_by(visitor, origin, path)

    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    exposed = {"X-Request-ID", "Location", "Link", "ETag", "Idempotency-Replayed", "Content-Disposition"}
    assert exposed <= words(answer, "Access-Control-Expose-Headers")
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert words(answer, "Vary") == {"Origin"}


@every(
    "origin",
    ["https://evil.example", "null", "*", "", "https://SHOP.example", "https://shop.example.evil.example"]
    + ["https://shop.example:443", "http://shop.example", "https://shop.example/", "https://shop"]
    + [f"{SHOP}, {OTHER_SHOP}", f"{SHOP}."],
)
@every("method", ["GET", "OPTIONS"])
def test_a_page_of_another_origin_may_not(visitor: Person, origin: str, method: str) -> None:
    answer = asked_by(visitor, origin, method=method)

    assert not [name for name in answer.headers if name.startswith("Access-Control-")]
    assert words(answer, "Vary") == {"Origin"}


@every("path", ["/books", "/book", "/books/1"])
def test_a_browser_that_asks_first_is_told_without_a_token(visitor: Person, path: str) -> None:
    answer = asked_by(visitor, SHOP, path, "OPTIONS")

    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert words(answer, "Access-Control-Allow-Methods") == words(answer, "Allow")
    allowed = {"Authorization", "Content-Type", "x-access-tokens"}
    allowed |= {"If-Match", "If-None-Match", "Idempotency-Key"}
    assert allowed <= words(answer, "Access-Control-Allow-Headers")
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


@every("service, path", [("auth", "/me"), ("books", "/books")])
def test_a_missing_token_can_be_read_by_the_page(visitor: Person, service: str, path: str) -> None:
    answer = visitor.get(path, service, headers={"Origin": SHOP})

    assert_problem(answer, 401, "a valid token is missing")
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP


@every("path, get, options", [("/books", 200, 200), ("/nowhere", 404, 404)])
def test_nobody_is_let_in_unless_a_setting_says_so(pair: Pair, path: str, get: int, options: int) -> None:
    reader = register(pair.variant(CORS_HEADERS="X-Shop-Version"))  # which lets nobody in by itself

    for method, status in (("GET", get), ("OPTIONS", options)):
        answer = asked_by(reader, SHOP, path, method)
        assert answer.status_code == status
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]

"""Pages of other origins: only those that CORS_ORIGINS names may read an answer, and what they may send."""

from collections.abc import Callable

import pytest
import requests

from tests.cases import every
from tests.pair import SERVICES, Pair
from tests.people import Person, register

SHOP, OTHER_SHOP = "https://shop.example", "http://localhost:3000"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
# What routes read, and what libraries and the tools that trace requests add.
SENT = {"Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "X-Request-ID"}
SENT |= {"x-access-tokens", "X-Requested-With", "Cache-Control", "traceparent", "tracestate", "baggage"}
SENT |= {"sentry-trace"}


@pytest.fixture(scope="module")
def visitor(pairs: Callable[[str], Pair]) -> Person:
    """Return somebody registered with both services, which are open to the pages of two origins."""
    origins = f"{SHOP}, {OTHER_SHOP}"
    return register(pairs("sqlite").variant(CORS_ORIGINS=origins, CORS_HEADERS="X-Shop-Version, x_b3.trace"))


def preflight(
    person: Person, path: str, service: str = "books", *, origin: str = SHOP, method: str = "POST"
) -> requests.Response:
    """Ask as a browser does before a page of `origin` may send something; it shows no token."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return person.request("OPTIONS", service, path, headers=headers)


def words(answer: requests.Response, header: str) -> set[str]:
    """Return the items of a header that is a list."""
    return set(answer.headers[header].split(", "))


def names_nobody(answer: requests.Response) -> bool:
    return not [name for name in answer.headers if name.startswith("Access-Control-")]


@every("origin", [SHOP, OTHER_SHOP])
@every(
    "token, path, status",
    [("", path, status) for path, status in [("/books", 200), ("/books?x=1", 422), ("/books/1", 404)]]
    + [("", "/nowhere", 404), ("", "/", 200), ("no.such.token", "/books", 401)],
)
def test_a_page_of_a_named_origin_may_read_the_answer(
    visitor: Person, origin: str, token: str, path: str, status: int
) -> None:
    sent = {"Origin": origin, "x-access-tokens": token or visitor.token}

    answer = visitor.get(path, headers=sent)

    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    exposed = {"X-Request-ID", "Location", "Link", "ETag", "Idempotency-Replayed", "Content-Disposition"}
    assert exposed <= words(answer, "Access-Control-Expose-Headers")
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert words(answer, "Vary") == {"Origin"} | ({"Accept"} if path == "/" else set())


@every(
    "origin",
    ["https://evil.example", "null", "*", "", "https://SHOP.example", "https://shop.example.evil.example"]
    + ["https://shop.example:443", "http://shop.example", "https://shop.example/", "https://shop"]
    + [f"{SHOP}, {OTHER_SHOP}", f"{SHOP}."],
)
def test_a_page_of_another_origin_may_not(visitor: Person, origin: str) -> None:
    read = visitor.get("/books", headers=visitor.with_token(Origin=origin))

    assert read.status_code == 200
    assert preflight(visitor, "/nowhere", origin=origin).status_code == 404
    for answer in (read, preflight(visitor, "/books", origin=origin)):
        assert names_nobody(answer)
        assert words(answer, "Vary") == {"Origin"}


@every("service, path", [("books", "/books"), ("books", "/books/1"), ("auth", "/me"), ("auth", "/docs")])
def test_a_browser_that_asks_first_is_told_what_a_page_may_send(
    visitor: Person, service: str, path: str
) -> None:
    answer = preflight(visitor, path, service)

    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert words(answer, "Access-Control-Allow-Methods") == words(answer, "Allow")
    assert words(answer, "Access-Control-Allow-Headers") == {*SENT, "X-Shop-Version", "x_b3.trace"}
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


@every("service", SERVICES)
@every("path", ["/nowhere", "/books/", "//books"])
@every("method", METHODS)
def test_a_page_may_ask_for_what_is_not_there_and_then_reads_the_404(
    visitor: Person, service: str, path: str, method: str
) -> None:
    asked = preflight(visitor, path, service, method=method)
    answer, plain = (
        visitor.request(each, service, path, headers={"Origin": SHOP}) for each in (method, "OPTIONS")
    )

    assert (asked.status_code, asked.content) == (204, b"")
    assert asked.headers["Access-Control-Allow-Origin"] == SHOP
    assert method in words(asked, "Access-Control-Allow-Methods")
    assert asked.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.status_code == plain.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Allow" not in plain.headers  # what is no question of a browser is told no method


@every("path, status", [("/books", 200), ("/nowhere", 404)])
def test_nobody_is_let_in_unless_a_setting_says_so(visitor: Person, path: str, status: int) -> None:
    """CORS_HEADERS lets nobody in by itself."""
    visitor = register(visitor.pair.variant(CORS_ORIGINS="", CORS_HEADERS="X-Shop-Version"))

    for answer in (visitor.get(path, headers=visitor.with_token(Origin=SHOP)), preflight(visitor, path)):
        assert answer.status_code == status
        assert names_nobody(answer)

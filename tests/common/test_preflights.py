"""What a browser asks before a page of another origin may send a request."""

import pytest
import requests

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from tests import api
from tests.cases import every
from tests.common.bare import KINDS, read, refusal
from tests.pair import SERVICES, Pair

SHOP = "https://shop.example"
# What routes read, and what libraries and the tools that trace requests add.
ALWAYS = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID, x-access-tokens,"
    " X-Requested-With, Cache-Control, traceparent, tracestate, baggage, sentry-trace"
)


@pytest.fixture
def open_pair(pair: Pair) -> Pair:
    """Return both services, open to the pages of an origin that send two headers of their own."""
    return pair.variant(CORS_ORIGINS=SHOP, CORS_HEADERS="X-Shop-Version, x_b3.trace")


def preflight(pair: Pair, service: str, path: str, origin: str = SHOP, **headers: str) -> requests.Response:
    sent = {"Origin": origin, "Access-Control-Request-Method": "GET"} | headers
    return api.request("OPTIONS", pair.url(service) + path, headers=sent)


def listed(answer: requests.Response, header: str) -> list[str]:
    return answer.headers[header].split(", ")


@every("service", SERVICES)
@every("path", ["/", "/healthz", "/nowhere", "/docs"])
@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
def test_a_page_may_send_what_libraries_add_and_what_the_setting_names(
    open_pair: Pair, service: str, path: str
) -> None:
    answer = preflight(open_pair, service, path)

    allowed = [*ALWAYS.split(", "), "X-Shop-Version", "x_b3.trace"]
    assert listed(answer, "Access-Control-Allow-Headers") == allowed


@every("service", SERVICES)
@every("path", ["/nowhere", "/boks", "/books/", "/books/x", "//books"])
@every("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
def test_a_page_may_ask_for_what_is_not_there_and_then_reads_the_404(
    open_pair: Pair, service: str, path: str, method: str
) -> None:
    asked = preflight(open_pair, service, path, **{"Access-Control-Request-Method": method})
    answer = api.request(method, open_pair.url(service) + path, headers={"Origin": SHOP})

    assert (asked.status_code, asked.content) == (204, b"")
    assert asked.headers["Access-Control-Allow-Origin"] == SHOP
    assert method in listed(asked, "Access-Control-Allow-Methods")
    assert asked.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)
def test_what_is_no_question_of_a_named_origin_is_404(open_pair: Pair) -> None:
    elsewhere = preflight(open_pair, "books", "/nowhere", "https://evil.example")
    plain = api.request("OPTIONS", open_pair.url("books") + "/nowhere", headers={"Origin": SHOP})

    assert (elsewhere.status_code, plain.status_code) == (404, 404)
    assert "Access-Control-Allow-Origin" not in elsewhere.headers


@every("kind", KINDS)
@every("value", ["*", "X Shop", "X-Shop: 1", "x, *", "é", "(a)", "a\nb", "a/b", '"a"', "a" * 65, "a;b"])
def test_what_is_no_name_of_a_header_is_refused(kind: type[AuthSettings | BooksSettings], value: str) -> None:
    assert refusal(kind, CORS_HEADERS=value).startswith("CORS_HEADERS ")


def test_names_of_headers_are_a_list() -> None:
    settings = read(BooksSettings, CORS_HEADERS=" X-Shop-Version,, x_b3.trace ,")

    assert settings.cors_headers == ("X-Shop-Version", "x_b3.trace")

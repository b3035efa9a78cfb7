"""`/`: JSON for programs, a page for browsers; and where its links to the other service lead."""

import re

import pytest
import requests

from tests import api
from tests.cases import every
from tests.common.wire import send
from tests.pair import SERVICES, Pair

# Who gets what is decided by no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
HTML = "text/html; charset=utf-8"
OTHER = re.compile(r'href="([^"]*)/"><b>The \w+ service')


def home(pair: Pair, service: str, accept: str) -> requests.Response:
    return api.get(pair.url(service) + "/", headers={"Accept": accept})


@every("service", SERVICES)
@every("accept", [CHROMIUM, FIREFOX, "text/html", "text/*", "text/html, application/json;q=0.9", "TEXT/HTML"])
def test_a_browser_gets_a_page(pair: Pair, service: str, accept: str) -> None:
    answer = home(pair, service, accept)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, HTML)
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Cache-Control"] == "no-store"
    for path in ("/docs", "/openapi.json", "/readyz"):
        assert f'href="{path}"' in answer.text
    # Without a follower the feed of books, and so all of it, is degraded after half a minute.
    assert answer.text.count('<span class="state ok">ok</span>') >= 3


@every("service", SERVICES)
@every(
    "accept",
    ["*/*", "application/json", "application/json, text/html", "application/*", "text/plain", "image/png", ""]
    + ["text/html;q=0", "text/html;q=0.5, application/json", "text/html;q=0.5, */*;q=0.8", "nonsense"],
)
def test_everybody_else_gets_json(pair: Pair, service: str, accept: str) -> None:
    answer = home(pair, service, accept)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Vary"] == "Accept"
    assert answer.json()["service"] == f"{service}_service"


def test_whoever_says_nothing_gets_json(pair: Pair) -> None:
    assert send(pair, "books", "GET /").headers["Content-Type"] == "application/json"


def test_head_tells_of_the_page(pair: Pair) -> None:
    answer = send(pair, "auth", "HEAD /", [f"Accept: {CHROMIUM}"])

    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, b"", HTML)


def test_the_page_runs_nothing_and_loads_nothing_from_elsewhere(pair: Pair) -> None:
    answer = home(pair, "auth", CHROMIUM)

    assert (
        "default-src 'none'; script-src 'self'; style-src 'self';"
        in answer.headers["Content-Security-Policy"]
    )
    assert "<script" not in answer.text
    assert "style=" not in answer.text


def test_pages_of_named_origins_are_told_of_both_headers(pair: Pair) -> None:
    answer = home(pair.variant(CORS_ORIGINS="https://shop.example"), "auth", CHROMIUM)

    assert set(answer.headers["Vary"].split(", ")) == {"Accept", "Origin"}


def other_service(pair: Pair, service: str, **headers: str) -> str:
    """Return where the page of a service says that the other one is."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.get(pair.url(service) + "/", headers=named | {"Accept": CHROMIUM})
    [address] = OTHER.findall(answer.text)
    return str(address)


@every("service, port", [("auth", "5002"), ("books", "5001")])
@every("host, name", [("shop.example", "shop.example"), ("a:80", "a"), ("[::1]:5001", "[::1]")])
def test_the_other_service_is_at_its_port_of_the_same_host(
    pair: Pair, service: str, port: str, host: str, name: str
) -> None:
    assert other_service(pair, service, Host=host) == f"//{name}:{port}"


@every(
    "url", ["https://books.shop.example", "http://[::1]:8000", "https://shop.example:8443/a/b", "/shelves"]
)
def test_a_setting_says_where_the_other_service_is(pair: Pair, url: str) -> None:
    assert other_service(pair.variant(BOOKS_PUBLIC_URL=f"{url}/"), "auth") == url


@every("prefix, address", [("/shop/auth", "/shop/books"), ("/auth", "/books"), ("/shop", "//a:5002")])
def test_behind_a_prefix_of_its_name_it_is_beside_the_other(pair: Pair, prefix: str, address: str) -> None:
    proxied = pair.variant(TRUSTED_PROXIES="127.0.0.1")

    assert other_service(proxied, "auth", Host="a:80", X_Forwarded_Prefix=prefix) == address

"""What a browser reads: `/`, which is JSON for programs, the files of /docs, links to the other service."""

import re

import pytest

from tests import api
from tests.cases import every
from tests.common.wire import send
from tests.pair import SERVICES, Pair

# Who gets what is decided by no database.
pytestmark = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")

CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
HTML, JAVASCRIPT = "text/html; charset=utf-8", "text/javascript; charset=utf-8"
OTHER = re.compile(r'href="([^"]*)/"><b>The \w+ service')
FILES = {
    "/docs": HTML,
    "/docs/docs.js": JAVASCRIPT,
    "/docs/login.js": JAVASCRIPT,
    "/docs/pages.css": "text/css; charset=utf-8",
    "/docs/swagger-ui-bundle.js": JAVASCRIPT,
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/favicon.ico": "image/x-icon",
}


@every("service", SERVICES)
@every("accept", [CHROMIUM, FIREFOX, "text/html", "text/*", "text/html, application/json;q=0.9", "TEXT/HTML"])
def test_a_browser_gets_a_page(pair: Pair, service: str, accept: str) -> None:
    answer = api.get(pair.url(service) + "/", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, HTML)
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Cache-Control"] == "no-store"
    for path in ("/docs", "/openapi.json", "/readyz"):
        assert f'href="{path}"' in answer.text
    # Without a follower the feed of books, and so all of it, is degraded after half a minute.
    assert answer.text.count('<span class="state ok">ok</span>') >= 3
    assert "<script" not in answer.text
    assert "style=" not in answer.text


@every("service", SERVICES)
@every(
    "accept",
    ["*/*", "application/json", "application/json, text/html", "application/*", "text/plain", "image/png", ""]
    + ["text/html;q=0", "text/html;q=0.5, application/json", "text/html;q=0.5, */*;q=0.8", "nonsense"],
)
def test_everybody_else_gets_json(pair: Pair, service: str, accept: str) -> None:
    answer = api.get(pair.url(service) + "/", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Vary"] == "Accept"
    links = {"/openapi.json", "/docs", "/healthz", "/readyz"}
    assert set(answer.json().values()) == {f"{service}_service", *links}


def test_who_says_nothing_gets_json_and_head_tells_of_the_page(pair: Pair) -> None:
    head = send(pair, "auth", "HEAD /", [f"Accept: {CHROMIUM}"])

    assert send(pair, "books", "GET /").headers["Content-Type"] == "application/json"
    assert (head.status_code, head.content, head.headers["Content-Type"]) == (200, b"", HTML)


@every("path", ["/", "/docs"])
def test_a_page_has_a_policy_and_loads_nothing_from_elsewhere(pair: Pair, path: str) -> None:
    policy = api.get(pair.url("auth") + path, headers={"Accept": CHROMIUM}).headers["Content-Security-Policy"]

    rules = set(policy.split("; "))
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'", "base-uri 'none'"} <= rules
    assert {"form-action 'none'", "frame-ancestors 'none'"} <= rules
    assert ("style-src 'self'" in rules) == (path == "/")


@every("service", SERVICES)
@every("path, kind", FILES.items())
def test_each_file_is_there_with_its_type(pair: Pair, service: str, path: str, kind: str) -> None:
    answer = api.get(pair.url(service) + path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == kind
    assert answer.content
    if path != "/docs":
        again = api.get(pair.url(service) + path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content, again.headers["Cache-Control"]) == (304, b"", "no-cache")


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


def test_a_setting_says_where_the_other_service_is(pair: Pair) -> None:
    url = "https://shop.example:8443/a/b"

    assert other_service(pair.variant(BOOKS_PUBLIC_URL=f"{url}/"), "auth") == url


@every("prefix, address", [("/shop/auth", "/shop/books"), ("/auth", "/books"), ("/shop", "//a:5002")])
def test_behind_a_prefix_of_its_name_it_is_beside_the_other(pair: Pair, prefix: str, address: str) -> None:
    proxied = pair.variant(TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8")

    assert other_service(proxied, "auth", Host="a:80", X_Forwarded_Prefix=prefix) == address

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
HTML, JAVASCRIPT, CSS = (f"text/{kind}; charset=utf-8" for kind in ("html", "javascript", "css"))
OTHER = re.compile(r'href="([^"]*)/"><b>The \w+ service')
FILES = {
    "/docs": HTML,
    "/docs/docs.js": JAVASCRIPT,
    "/docs/login.js": JAVASCRIPT,
    "/docs/pages.css": CSS,
    "/docs/swagger-ui-bundle.js": JAVASCRIPT,
    "/docs/swagger-ui.css": CSS,
    "/favicon.ico": "image/x-icon",
}


@every("service", SERVICES)
@every("accept", [CHROMIUM, FIREFOX, "text/html", "text/*", "text/html, application/json;q=0.9", "TEXT/HTML"])
def test_a_browser_gets_a_page(pair: Pair, service: str, accept: str) -> None:
    answer = api.get(pair.url(service) + "/", headers={"Accept": accept})
    head = send(pair, service, "HEAD /", [f"Accept: {accept}"])

    for each in (answer, head):
        assert (each.status_code, each.headers["Content-Type"]) == (200, HTML)
        assert each.headers["Vary"] == "Accept"
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
    + ["text/html;q=0", "text/html;q=0.5, application/json", "text/html;q=0.5, */*;q=0.8", "nonsense", None],
)
def test_everybody_else_gets_json(pair: Pair, service: str, accept: str | None) -> None:
    answer = send(pair, service, "GET /", [] if accept is None else [f"Accept: {accept}"])

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Vary"] == "Accept"
    links = {"/openapi.json", "/docs", "/healthz", "/readyz"}
    assert set(answer.json().values()) == {f"{service}_service", *links}


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


SHOP = "https://shop.example:8443/a/b"


@every(
    "service, settings, host, prefix, address",
    [
        *(
            ("auth", {}, host, "", f"//{name}:5002")
            for host, name in [("a:80", "a"), ("[::1]:5001", "[::1]")]
        ),
        ("books", {}, "shop.example", "", "//shop.example:5001"),
        ("auth", {"BOOKS_PUBLIC_URL": f"{SHOP}/"}, "a", "", SHOP),
        ("auth", {"TRUSTED_PROXIES": "127.0.0.1"}, "a:80", "/shop/auth", "/shop/books"),
        ("auth", {"TRUSTED_PROXIES": "127.0.0.1"}, "a:80", "/auth", "/books"),
        ("auth", {"TRUSTED_PROXIES": "127.0.0.1"}, "a:80", "/shop", "//a:5002"),
    ],
)
def test_the_other_service_is_at_its_port_or_where_the_setting_says_or_beside_a_prefix(
    pair: Pair, service: str, settings: dict[str, str], host: str, prefix: str, address: str
) -> None:
    headers = {"Host": host, "X-Forwarded-Prefix": prefix, "Accept": CHROMIUM}

    answer = api.get(pair.variant(**settings).url(service) + "/", headers=headers)

    assert OTHER.findall(answer.text) == [address]

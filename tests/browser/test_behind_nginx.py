"""Both services behind nginx, which takes a path off, in a real browser: their pages, and those of a shop.

Where else the path is put back is in tests/common/test_proxies.py.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.browser.edge import nginx, prefix_of
from tests.browser.swagger import Docs
from tests.people import PASSWORD, new_name, register
from tests.ports import free_port
from tests.served import ServedPair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]

FETCH = """
const [method, url, headers, body, done] = arguments;
fetch(url, {method, headers, body: body === null ? undefined : body}).then(
    async (answer) => done([answer.status, Object.fromEntries(answer.headers), await answer.text()]),
    (error) => done([0, {}, String(error)]),
);
"""
# What libraries and tools add to each request.
ADDED = {
    "X-Requested-With": "XMLHttpRequest",
    "Cache-Control": "no-cache",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "shop=1",
    "baggage": "shop=1",
    "sentry-trace": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
    "X-Shop-Version": "1",
}


class Page:
    """A page of a shop, open in a browser, whose script calls both services."""

    def __init__(self, browser: Chrome, origin: str, pair: ServedPair) -> None:
        self.browser, self.pair = browser, pair
        browser.get(f"{origin}/page")

    def fetch(
        self, method: str, service: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Return status, headers and text of the answer as the script reads them; 0 if it may not."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | ADDED
        if body is not None:
            sent["Content-Type"] = "application/json"
        text = None if body is None else json.dumps(body)
        found: Any = self.browser.execute_async_script(
            FETCH, method, self.pair.url(service) + path, sent, text
        )
        return found[0], found[1], found[2]


PORT = free_port()
ORIGIN = f"http://127.0.0.1:{PORT}"
SETTINGS = {"TRUSTED_PROXIES": "127.0.0.1", "CORS_ORIGINS": ORIGIN, "CORS_HEADERS": "X-Shop-Version"}


@pytest.fixture(scope="module")
def pair(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPair]:
    """Both services behind nginx, which tells them the paths by a header."""
    folder = copytree(template, tmp_path_factory.mktemp("edge"), dirs_exist_ok=True)
    with ServedPair(folder, **SETTINGS) as pair, nginx(pair.start(), folder, PORT, tells_prefix=True):
        yield pair


def test_a_person_logs_in_and_calls_from_the_docs(pair: ServedPair, browser: Chrome) -> None:
    person = register(pair)
    docs = Docs(browser, ORIGIN + prefix_of("books"))
    docs.log_in(person.name, person.password)  # in a window of auth
    status, answer = docs.execute("list_books")

    assert (status, answer["list_of_books"]) == (200, [])
    assert docs.complaints() == []
    asked = docs.requests()
    assert [address for address in asked if address.startswith(f"{ORIGIN}/shop/books/books?")]
    assert {address.removeprefix(f"{ORIGIN}/shop/").partition("/")[0] for address in asked} <= {
        "auth",
        "books",
    }

    docs = docs.open_other()
    assert docs.user() == f"Logged in as {person.name}"
    assert docs.execute("show_me")[0] == 200
    assert docs.complaints() == []


def test_a_page_registers_logs_in_lists_refreshes_exports_and_sees_a_mistyped_path(
    pair: ServedPair, browser: Chrome
) -> None:
    page = Page(browser, ORIGIN, pair)
    credentials = {"name": new_name(), "password": PASSWORD}
    assert page.fetch("POST", "auth", "/register", credentials)[0] == 201

    # A dialog of the browser would keep the script waiting until it is given up.
    status, _, text = page.fetch("POST", "auth", "/login", credentials | {"password": "wrong"})
    assert (status, json.loads(text)["code"]) == (401, "wrong-credentials")
    status, _, _ = page.fetch("POST", "auth", "/login", None, Authorization="Basic QW5uOndyb25n")
    assert status == 401

    status, _, text = page.fetch("POST", "auth", "/login", credentials)
    tokens = json.loads(text)
    assert status == 200
    bearer = f"Bearer {tokens['token']}"
    for name in ("Eric", "Mort"):
        sent = {"name": name, "Author": "Terry Pratchett", "Publisher": "Gollancz"}
        key = {"Idempotency_Key": f"key-of-{name}"}
        assert page.fetch("POST", "books", "/books", sent, Authorization=bearer, **key)[0] == 201

    status, headers, text = page.fetch("GET", "books", "/books?limit=1", Authorization=bearer)
    assert (status, json.loads(text)["list_of_books"][0]["name"]) == (200, "Eric")
    link = re.fullmatch(r'<([^>]+)>; rel="next"', headers["link"])
    assert link
    assert json.loads(page.fetch("GET", "books", link[1], Authorization=bearer)[2])["list_of_books"]

    refresh = {"refresh_token": tokens["refresh_token"]}
    status, _, text = page.fetch("POST", "auth", "/refresh", refresh)
    assert status == 200
    bearer = f"Bearer {json.loads(text)['token']}"

    status, headers, text = page.fetch("GET", "books", "/books/export?format=csv", Authorization=bearer)
    assert (status, len(text.splitlines())) == (200, 3)
    assert headers["content-disposition"].startswith("attachment")

    status, headers, text = page.fetch("DELETE", "books", "/boks/1", Authorization=bearer)
    assert (status, json.loads(text)["code"]) == (404, "not-found")
    assert headers["x-request-id"]


def test_a_page_that_no_setting_names_reads_nothing(pair: ServedPair, browser: Chrome) -> None:
    page = Page(browser, ORIGIN.replace("127.0.0.1", "localhost"), pair)

    assert page.fetch("GET", "books", "/nowhere")[0] == 0
    assert page.fetch("GET", "auth", "/healthz")[0] == 0

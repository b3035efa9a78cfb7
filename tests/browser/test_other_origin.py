"""A page of another origin, in a real browser: it uses both services, and reads what went wrong."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.browser.edge import free_origin, nginx
from tests.people import new_name
from tests.served import ServedPair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True),
]

FETCH = """
const [method, url, headers, body, done] = arguments;
fetch(url, {method, headers, body: body === null ? undefined : body}).then(
    async (answer) => done([answer.status, Object.fromEntries(answer.headers), await answer.text()]),
    (error) => done([0, {}, String(error)]),
);
"""
PASSWORD = "the moon is made of paper"
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


@pytest.fixture
def page(own_served_pair: ServedPair, browser: Chrome, tmp_path: Path) -> Iterator[Page]:
    port, origin = free_origin()
    own_served_pair.environment |= {"CORS_ORIGINS": origin, "CORS_HEADERS": "X-Shop-Version"}
    own_served_pair.start()
    with nginx(own_served_pair, tmp_path, port):
        yield Page(browser, origin, own_served_pair)


def test_a_page_registers_logs_in_lists_refreshes_exports_and_sees_a_mistyped_path(page: Page) -> None:
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


def test_a_page_that_no_setting_names_reads_nothing(
    own_served_pair: ServedPair, browser: Chrome, tmp_path: Path
) -> None:
    own_served_pair.start()
    with nginx(own_served_pair, tmp_path, free_origin()[0]) as origin:
        page = Page(browser, origin, own_served_pair)

        assert page.fetch("GET", "books", "/nowhere")[0] == 0
        assert page.fetch("GET", "auth", "/healthz")[0] == 0

"""The session of the page of client/web, and what a page below a path and one of elsewhere get.

Where else the path of a proxy is put back is in tests/common/test_proxies.py.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree

import jwt
import pytest
from selenium.webdriver import Chrome

from auth_service.cli import key_file
from tests.browser.pages import Docs, ShelfPage, served_page
from tests.people import PASSWORD, Person, new_name, register
from tests.ports import free_port
from tests.served import ServedPair
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

PORT = free_port()
SHOP = f"http://127.0.0.1:{PORT}"
SETTINGS = {"TRUSTED_PROXIES": "127.0.0.1", "CORS_ORIGINS": SHOP, "CORS_HEADERS": "X-Shop-Version"}
REQUEST_TOGETHER = """
    for (const value of ["name", "Author", "id"]) {
        document.querySelector("#sort").value = value;
        document.querySelector("#sort").dispatchEvent(new Event("change"));
    }
"""
REFRESHES = """
    return performance.getEntriesByType("resource").filter(({name}) => name.endsWith("/auth/refresh")).length;
"""
FETCH = """
    const [url, options, done] = arguments;
    fetch(url, options).then(
        async (answer) => done([answer.status, Object.fromEntries(answer.headers), await answer.text()]),
        (error) => done([0, {}, String(error)]),
    );
"""
# What libraries and tools add to each request; tests/common/test_cors.py has all of it.
ADDED = {"X-Requested-With": "XMLHttpRequest", "X-Shop-Version": "1", "Content-Type": "application/json"}
ADDED["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def pair(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPair]:
    """Both services of this module's own, which tests leave running, behind the page."""
    folder = copytree(template, tmp_path_factory.mktemp("page"), dirs_exist_ok=True)
    with ServedPair(folder, **SETTINGS) as pair, served_page(pair.start(), PORT):
        yield pair


@pytest.fixture
def person(pair: ServedPair) -> Person:
    person = register(pair)
    person.add_book(name="Emil")
    return person


@pytest.fixture
def shelf(browser: Chrome, person: Person) -> Iterator[ShelfPage]:
    """The page with the person logged in; fail if the console complains of anything."""
    page = ShelfPage(browser, SHOP).open()
    page.enter(person.name, person.password)
    page.lists("Emil")
    yield page
    assert page.complaints() == []


def test_it_outlives_reloads_and_access_tokens_and_refreshes_once_for_all_requests(
    shelf: ShelfPage, person: Person
) -> None:
    for _ in range(3):
        shelf.browser.refresh()
        shelf.lists("Emil")
    before = shelf.run(REFRESHES)
    end_access_tokens(person)

    shelf.run(REQUEST_TOGETHER)
    shelf.press("td.actions button")
    shelf.find("#book")

    assert shelf.run(REFRESHES) == before + 1


def end_access_tokens(person: Person) -> None:
    """Retire the key of every access token, and wait until both services refuse the person's."""
    path = person.pair.folder / "keys.json"
    key_file.rotate(path, follow=0)
    key_file.retire(path, jwt.get_unverified_header(person.token)["kid"], force=True)
    wait_until(lambda: person.get("/books").status_code == 401, "books takes the token")
    wait_until(lambda: person.get("/me", "auth").status_code == 401, "auth takes the token")


def test_a_copy_of_a_tab_lives_on_when_the_other_went_ahead_and_ends_with_it(shelf: ShelfPage) -> None:
    first = shelf.browser.current_window_handle
    shelf.run("window.open(location.href)")
    (copy,) = {*shelf.browser.window_handles} - {first}
    shelf.browser.switch_to.window(copy)
    shelf.lists("Emil")
    for _ in range(3):
        shelf.browser.refresh()
        shelf.lists("Emil")

    shelf.browser.switch_to.window(first)
    shelf.browser.refresh()
    shelf.lists("Emil")
    shelf.press("#logout")
    shelf.find("#login")

    shelf.browser.switch_to.window(copy)
    shelf.shows("#status", "Logged out.")
    shelf.find("#login")


def test_a_service_that_is_away_and_a_session_that_ended_elsewhere_are_sentences(
    shelf: ShelfPage, person: Person
) -> None:
    person.served.stop("books")
    shelf.press("td.actions button")
    shelf.shows("#status", "The service cannot be reached")
    assert shelf.names() == ["Emil"]
    person.served.start("books")
    shelf.press("td.actions button")
    shelf.find("#book")

    person.delete("/sessions", "auth")
    shelf.browser.refresh()
    shelf.find("#login")
    shelf.shows("#status", "Your session has ended. Log in again.")
    assert shelf.run("return sessionStorage.length") == 0


def test_below_a_path_a_person_logs_in_and_calls_from_the_docs(person: Person, browser: Chrome) -> None:
    docs = Docs(browser, f"{SHOP}/books").open()
    docs.log_in(person.name, person.password)  # in a window of auth
    assert docs.execute("list_books")[1]["total"] == 1
    asked = docs.requests()
    assert [address for address in asked if address.startswith(f"{SHOP}/books/books?")]
    assert [address for address in asked if not address.startswith((f"{SHOP}/auth/", f"{SHOP}/books/"))] == []

    docs.open_other()
    assert docs.user() == f"Logged in as {person.name}"
    assert docs.execute("show_me")[0] == 200
    assert docs.complaints() == []


Fetch = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture
def fetch(browser: Chrome, pair: ServedPair) -> Fetch:
    """Return how the script of a page of another origin gets status, headers and text; 0 if it may not."""
    browser.get(f"{SHOP}/auth/openapi.json")  # any document that allows it

    def fetch(
        service: str, route: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        method, path = route.split()
        options: dict[str, object] = {"method": method, "headers": ADDED | headers}
        if body is not None:
            options["body"] = json.dumps(body)
        status, answered, text = browser.execute_async_script(FETCH, pair.url(service) + path, options)
        return status, answered, text

    return fetch


def test_a_page_registers_logs_in_lists_refreshes_exports_and_sees_a_mistyped_path(
    fetch: Fetch,
) -> None:
    credentials = {"name": new_name(), "password": PASSWORD}
    assert fetch("auth", "POST /register", credentials)[0] == 201
    # A dialog of the browser would keep the script waiting until it is given up.
    assert fetch("auth", "POST /login", credentials | {"password": "wrong"})[0] == 401
    assert fetch("auth", "POST /login", Authorization="Basic QW5uOndyb25n")[0] == 401
    tokens = json.loads(fetch("auth", "POST /login", credentials)[2])
    refreshed = fetch("auth", "POST /refresh", {"refresh_token": tokens["refresh_token"]})[2]
    bearer = {"Authorization": f"Bearer {json.loads(refreshed)['token']}"}

    for name in ("Eric", "Mort"):
        key = {"Idempotency-Key": f"key-of-{name}"}
        sent = {"name": name, "Author": "Terry Pratchett", "Publisher": "Gollancz"}
        assert fetch("books", "POST /books", sent, **bearer, **key)[0] == 201
    _, headers, text = fetch("books", "GET /books?limit=1", **bearer)
    assert json.loads(text)["list_of_books"][0]["name"] == "Eric"
    link = re.fullmatch(r'<([^>]+)>; rel="next"', headers["link"])
    assert link
    assert "Mort" in fetch("books", f"GET {link[1]}", **bearer)[2]
    _, headers, text = fetch("books", "GET /books/export?format=csv", **bearer)
    assert (headers["content-disposition"].split(";")[0], text.count("\n")) == ("attachment", 3)
    status, headers, text = fetch("books", "DELETE /boks/1", **bearer)
    assert (status, json.loads(text)["code"]) == (404, "not-found")
    assert headers["x-request-id"]


def test_a_page_that_no_setting_names_reads_nothing(fetch: Fetch, browser: Chrome) -> None:
    browser.get(f"http://localhost:{PORT}/auth/openapi.json")

    assert fetch("books", "GET /nowhere")[0] == 0
    assert fetch("auth", "GET /healthz")[0] == 0

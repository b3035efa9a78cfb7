"""/docs in a real browser: it needs no network, and one login on it serves the routes of both services."""

from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

from tests import api
from tests.browser.pages import Docs
from tests.common.openapi import operations
from tests.pair import Pair
from tests.people import PASSWORD, Person, new_name

pytestmark = pytest.mark.browser

LISTEN = "window.heard = []; window.addEventListener('message', (event) => window.heard.push(event.data));"
OPEN = "window.opened = window.open(arguments[0], 'login', 'popup');"
FORGE = "window.opened.postMessage({name: 'Eve', token: 'forged'}, '*');"


@pytest.fixture
def auth(pair: Pair, browser: Chrome) -> Docs:
    return Docs(browser, pair.url("auth"))


@pytest.fixture
def books(pair: Pair, browser: Chrome) -> Docs:
    return Docs(browser, pair.url("books"))


def assert_all_is_shown_and_nobody_else_asked(docs: Docs) -> None:
    document = api.get(docs.origin + "/openapi.json", timeout=30).json()

    assert docs.operations() == {tuple(route.split()) for route, _ in operations(document)}
    assert docs.browser.title == document["info"]["title"]
    asked = docs.requests()
    assert f"{docs.origin}/docs/swagger-ui-bundle.js" in asked
    assert {urlsplit(address).netloc for address in asked} == {urlsplit(docs.origin).netloc}


def test_the_page_of_auth_shows_all_and_who_is_new_is_told_the_rules_and_registers(auth: Docs) -> None:
    assert_all_is_shown_and_nobody_else_asked(auth.open())
    name = new_name()
    auth.log_in(name, "short", button="register")
    assert auth.message().startswith("Password ")

    auth.log_in(name, PASSWORD, button="register")

    assert auth.user() == f"Logged in as {name}"
    assert auth.execute("show_me")[1]["name"] == name
    assert auth.complaints() == []


def test_the_page_of_books_shows_all_and_folds_the_errors_that_every_route_has(books: Docs) -> None:
    assert_all_is_shown_and_nobody_else_asked(books.open())
    own = {"201", "409", "422", "429"}

    books.press("[id$='-create_book'] .opblock-summary-control")
    books.find("[id$='-create_book'] .responses-wrapper")
    assert books.statuses("create_book") == own
    books.press("[id$='-create_book'] .fold")
    assert books.statuses("create_book") > own | {"400", "401", "413", "415", "500", "503"}
    books.press("[id$='-create_book'] .fold")
    assert books.statuses("create_book") == own
    assert books.complaints() == []


@pytest.mark.parametrize(
    ("field", "pasted", "at"),
    [
        ("#auth-bearer-value", ' Bearer "{}"', ".auth-wrapper .btn.authorize"),
        ("#api_key_value", "{}", "[id$='-list_books'] .authorization__btn"),  # as the tutorial has it
    ],
)
def test_a_pasted_token_serves(books: Docs, person: Person, field: str, pasted: str, at: str) -> None:
    book = person.add_book()
    status, answer = books.open().execute("export_books")
    assert (status, answer["message"]) == (401, "a valid token is missing")

    books.authorise({field: pasted.format(person.token)}, at)

    status, answer = books.execute("list_books")
    assert (status, answer) == (200, {"list_of_books": [book], "next": None, "total": 1})
    assert books.complaints() == []


def test_a_name_and_a_password_serve_every_route(auth: Docs, person: Person) -> None:
    fields = {"#auth-basic-username": person.name, "#auth-basic-password": person.password}
    auth.open().authorise(fields)

    assert auth.execute("log_in")[0] == 200
    assert auth.execute("show_me")[1]["public_id"] == person.public_id
    assert auth.complaints() == []


def test_a_login_behind_a_wrong_password_outlives_a_reload_until_it_is_revoked(
    auth: Docs, person: Person
) -> None:
    auth.open().log_in(person.name, "not the password")
    assert auth.message() == "Wrong name or password."
    auth.log_in(person.name, person.password)
    assert auth.execute("show_me")[0] == 200
    assert auth.open().user() == f"Logged in as {person.name}"

    assert person.delete("/sessions", "auth").status_code == 204
    status, answer = auth.execute("show_me")
    assert (status, answer["code"]) == (401, "token-revoked")
    assert auth.message() == "Your login has ended: log in again."
    assert auth.complaints() == []


def test_one_login_serves_both_pages_and_a_logout_ends_the_session(auth: Docs, person: Person) -> None:
    first = auth.browser.current_window_handle
    auth.open().open_other()  # before anybody is logged in
    second = auth.browser.current_window_handle
    auth.browser.switch_to.window(first)
    auth.log_in(person.name, person.password)

    auth.browser.switch_to.window(second)
    assert auth.user() == f"Logged in as {person.name}"
    assert auth.execute("list_books")[0] == 200
    assert auth.execute("create_book")[0] == 201  # the document's own example
    auth.browser.switch_to.window(first)
    auth.press("#user button")
    auth.find("#login")
    assert auth.complaints() == []

    auth.browser.switch_to.window(second)
    sessions = person.get("/sessions", "auth").json()["sessions"]
    assert [session["current"] for session in sessions] == [True]  # that of the test alone
    assert auth.user() == f"Logged in as {person.name}"  # which knows of it when it next sends the token


def test_a_foreign_page_neither_gets_a_token_nor_gives_one(
    pair: Pair, person: Person, browser: Chrome
) -> None:
    # Not where auth's page knows books to be.
    browser.get(pair.url("books").replace("127.0.0.1", "localhost"))
    foreign = browser.current_window_handle
    browser.execute_script(LISTEN)
    browser.execute_script(OPEN, pair.url("auth") + "/docs#login")
    login = Docs(browser, pair.url("auth"))
    login.switch_to_new_window([foreign])
    window = browser.current_window_handle
    login.find("#login")

    browser.switch_to.window(foreign)
    browser.execute_script(FORGE)
    browser.switch_to.window(window)
    login.log_in(person.name, person.password)  # the form is still there
    assert login.user() == f"Logged in as {person.name}"

    browser.switch_to.window(foreign)
    assert browser.execute_script("return window.heard") == []

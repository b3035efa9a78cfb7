"""/docs in a real browser: it needs no network, and a person can authorise and call the routes from it."""

from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

from tests import api
from tests.browser.swagger import Docs
from tests.common.openapi import operations
from tests.pair import Pair
from tests.people import Person

# The fields of "Authorize".
BEARER = "#auth-bearer-value"
API_KEY = "#api_key_value"
NAME = "#auth-basic-username"
PASSWORD = "#auth-basic-password"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("pair", ["sqlite"], indirect=True),  # the page knows of no database
]


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


def test_the_page_of_auth_shows_all_and_one_registers_logs_in_and_sees_oneself(
    auth: Docs, person: Person
) -> None:
    assert_all_is_shown_and_nobody_else_asked(auth)

    status, answer = auth.execute("register")
    assert status in (201, 409), answer  # the document's own example, which another test may have sent
    assert answer["message"] in ("registered successfully", "name is already taken")
    auth.complaints()  # of a 409

    auth.authorise({NAME: person.name, PASSWORD: person.password})
    assert auth.execute("log_in")[0] == 200
    status, answer = auth.execute("show_me")  # they serve as a login for every route
    assert (status, answer["public_id"]) == (200, person.public_id)
    assert auth.complaints() == []


def test_the_page_of_books_shows_all_folds_errors_and_takes_a_pasted_token(
    books: Docs, person: Person
) -> None:
    assert_all_is_shown_and_nobody_else_asked(books)

    books.unfold("create_book")
    assert books.statuses("create_book") == ["201", "409", "422", "429"]
    books.toggle_common_errors("create_book")
    assert {"400", "401", "413", "415", "500", "503"} < set(books.statuses("create_book"))
    books.toggle_common_errors("create_book")
    assert books.statuses("create_book") == ["201", "409", "422", "429"]
    assert books.complaints() == []

    status, answer = books.execute("export_books")
    assert (status, answer["message"]) == (401, "a valid token is missing")
    books.complaints()  # of that
    assert_it_serves(books, person, {BEARER: f' Bearer "{person.token}"'}, ".auth-wrapper .btn.authorize")


def test_a_token_is_also_taken_at_the_lock_of_a_route_and_as_the_tutorial_has_it(
    books: Docs, person: Person
) -> None:
    assert_it_serves(books, person, {API_KEY: person.token}, "[id$='-list_books'] .authorization__btn")


def assert_it_serves(books: Docs, person: Person, pasted: dict[str, str], at: str) -> None:
    """Paste a token, and fail unless it lists the person's books."""
    book = person.add_book()
    books.authorise(pasted, at=at)

    status, answer = books.execute("list_books")

    assert status == 200
    assert answer == {"list_of_books": [book], "next": None, "total": 1}
    assert books.complaints() == []

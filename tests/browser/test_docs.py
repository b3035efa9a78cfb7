"""/docs in a real browser: it needs no network, and a person can authorise and call the routes from it."""

from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

from tests import api
from tests.browser.swagger import Docs
from tests.common.openapi import operations
from tests.pair import SERVICES, Pair
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


@pytest.mark.parametrize("service", SERVICES)
def test_the_page_shows_every_operation_and_asks_nobody_else(
    service: str, pair: Pair, browser: Chrome
) -> None:
    document = api.get(pair.url(service) + "/openapi.json", timeout=30).json()
    described = {tuple(route.split()) for route, _ in operations(document)}

    docs = Docs(browser, pair.url(service))

    assert docs.operations() == described
    assert document["info"]["title"] == browser.title
    assert docs.complaints() == []
    asked = docs.requests()
    assert f"{pair.url(service)}/docs/swagger-ui-bundle.js" in asked
    assert {urlsplit(address).netloc for address in asked} == {urlsplit(pair.url(service)).netloc}


@pytest.mark.parametrize(
    ("field", "at", "pasted"),
    [
        (BEARER, ".auth-wrapper .btn.authorize", "{}"),
        (API_KEY, "[id$='-list_books'] .authorization__btn", "Bearer {}"),
        (BEARER, "[id$='-list_books'] .authorization__btn", ' bearer "{}"'),
    ],
)
def test_with_a_pasted_token_one_lists_ones_books(
    field: str, at: str, pasted: str, pair: Pair, person: Person, browser: Chrome
) -> None:
    book = person.add_book()
    docs = Docs(browser, pair.url("books"))
    docs.authorise({field: pasted.format(person.token)}, at=at)

    status, answer = docs.execute("list_books")

    assert status == 200
    assert answer == {"list_of_books": [book], "next": None, "total": 1}
    assert docs.complaints() == []


def test_without_a_token_the_page_shows_the_refusal(pair: Pair, browser: Chrome) -> None:
    docs = Docs(browser, pair.url("books"))

    status, answer = docs.execute("list_books")

    assert status == 401
    assert answer["message"] == "a valid token is missing"


def test_with_name_and_password_one_logs_in_and_with_the_token_sees_oneself(
    pair: Pair, person: Person, browser: Chrome
) -> None:
    docs = Docs(browser, pair.url("auth"))
    docs.authorise({NAME: person.name, PASSWORD: person.password})

    status, answer = docs.execute("log_in")

    assert status == 200
    status, answer = docs.execute("show_me")  # they serve as a login for every route
    assert status == 200
    assert answer["public_id"] == person.public_id
    assert docs.complaints() == []


def test_a_wrong_login_is_shown_and_no_dialog_of_the_browser_waits(
    pair: Pair, person: Person, browser: Chrome
) -> None:
    docs = Docs(browser, pair.url("auth"))
    docs.authorise({NAME: person.name, PASSWORD: "not the password"})

    status, answer = docs.execute("log_in")

    assert status == 401
    assert answer["message"] == "could not verify"


def test_errors_that_any_route_may_have_are_folded(pair: Pair, browser: Chrome) -> None:
    docs = Docs(browser, pair.url("books"))
    docs.unfold("create_book")
    assert docs.statuses("create_book") == ["201", "409", "422", "429"]

    docs.toggle_common_errors("create_book")
    assert {"400", "401", "413", "415", "500", "503"} < set(docs.statuses("create_book"))

    docs.toggle_common_errors("create_book")
    assert docs.statuses("create_book") == ["201", "409", "422", "429"]
    assert docs.complaints() == []


def test_one_registers_from_the_page(pair: Pair, browser: Chrome) -> None:
    docs = Docs(browser, pair.url("auth"))

    status, answer = docs.execute("register")

    assert status in (201, 409), answer  # the document's own example, which another test may have sent
    assert answer["message"] in ("registered successfully", "name is already taken")

"""The login of /docs in a real browser: one for both services, kept over a reload, given to no other page."""

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.swagger import Docs, Login
from tests.pair import Pair
from tests.people import PASSWORD, Person, new_name

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("pair", ["sqlite"], indirect=True),  # the page knows of no database
]

LISTEN = "window.heard = []; window.addEventListener('message', (event) => window.heard.push(event.data));"
OPEN = "window.opened = window.open(arguments[0], 'login', 'popup');"
FORGE = "window.opened.postMessage({name: 'Eve', token: 'forged'}, '*');"


def assert_it_serves_and_survives_a_reload(docs: Docs, person: Person, operation: str) -> None:
    assert docs.user() == f"Logged in as {person.name}"
    assert docs.execute(operation)[0] == 200
    docs.reload()
    assert docs.user() == f"Logged in as {person.name}"


def test_a_login_behind_a_wrong_password_serves_every_route_until_it_is_revoked(
    pair: Pair, person: Person, browser: Chrome
) -> None:
    docs = Docs(browser, pair.url("auth"))
    docs.log_in(person.name, "not the password")
    assert docs.message() == "Wrong name or password."
    docs.complaints()  # of that

    docs.log_in(person.name, person.password)
    assert_it_serves_and_survives_a_reload(docs, person, "show_me")
    assert docs.complaints() == []

    assert person.delete("/sessions", "auth").status_code == 204
    status, answer = docs.execute("show_me")
    assert (status, answer["code"]) == (401, "token-revoked")
    assert docs.message() == "Your login has ended: log in again."


def test_one_login_serves_both_pages_and_a_logout_ends_the_session(
    pair: Pair, person: Person, browser: Chrome
) -> None:
    docs, first = Docs(browser, pair.url("books")), browser.current_window_handle
    docs.log_in(person.name, person.password)
    assert_it_serves_and_survives_a_reload(docs, person, "list_books")

    docs.open_other()
    assert docs.user() == f"Logged in as {person.name}"
    assert docs.execute("show_me")[0] == 200
    assert docs.complaints() == []
    docs.log_out()
    browser.close()

    browser.switch_to.window(first)
    sessions = person.get("/sessions", "auth").json()["sessions"]
    assert [session["current"] for session in sessions] == [True]  # that of the test alone
    assert docs.user() == f"Logged in as {person.name}"  # which knows of it when it next sends the token


def test_who_is_new_is_told_the_rules_of_passwords_and_registers(pair: Pair, browser: Chrome) -> None:
    name = new_name()
    docs = Docs(browser, pair.url("auth"))
    docs.log_in(name, "short", button="register")
    assert docs.message().startswith("Password ")

    docs.log_in(name, PASSWORD, button="register")

    assert docs.user() == f"Logged in as {name}"
    assert docs.execute("show_me")[0] == 200


def test_a_page_that_was_open_before_the_login_gets_it_too(
    pair: Pair, person: Person, browser: Chrome
) -> None:
    docs, first = Docs(browser, pair.url("auth")), browser.current_window_handle
    docs.open_other()
    second = browser.current_window_handle

    browser.switch_to.window(first)
    docs.log_in(person.name, person.password)

    browser.switch_to.window(second)
    assert docs.user() == f"Logged in as {person.name}"


def test_a_foreign_page_neither_gets_a_token_nor_gives_one(
    pair: Pair, person: Person, browser: Chrome
) -> None:
    # Not where auth's page knows books to be.
    browser.get(pair.url("books").replace("127.0.0.1", "localhost"))
    foreign = browser.current_window_handle
    browser.execute_script(LISTEN)
    browser.execute_script(OPEN, pair.url("auth") + "/docs#login")
    [window] = {*browser.window_handles} - {foreign}
    browser.switch_to.window(window)
    login = Login(browser)
    login.wait_for_form()

    browser.switch_to.window(foreign)
    browser.execute_script(FORGE)
    browser.switch_to.window(window)
    login.log_in(person.name, person.password)  # the form is still there
    assert login.user() == f"Logged in as {person.name}"

    browser.switch_to.window(foreign)
    assert browser.execute_script("return window.heard") == []


def test_the_page_at_the_root_leads_to_the_docs_and_to_the_other_service(pair: Pair, browser: Chrome) -> None:
    browser.get(pair.url("auth"))
    assert browser.title == "Bookstore auth service"
    browser.find_element(By.PARTIAL_LINK_TEXT, "The books service").click()
    assert browser.title == "Bookstore books service"
    browser.find_element(By.PARTIAL_LINK_TEXT, "Documentation").click()

    assert browser.current_url == pair.url("books") + "/docs"

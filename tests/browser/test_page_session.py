"""The session of the page of client/web: what it outlives, and how it ends."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import jwt
import pytest
from selenium.webdriver import Chrome

from auth_service.cli import key_file
from tests.browser.shelf_page import ShelfPage, served_page
from tests.people import Person, register
from tests.served import ServedPair
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]

REQUEST_TOGETHER = """
    for (const value of ["name", "Author", "id"]) {
        document.querySelector("#sort").value = value;
        document.querySelector("#sort").dispatchEvent(new Event("change"));
    }
"""
REFRESHES = """
    return performance.getEntriesByType("resource").filter(({name}) => name.endsWith("/auth/refresh")).length;
"""


@pytest.fixture(scope="module")
def pair(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPair]:
    """Both services of this module's own, which tests leave running."""
    folder = copytree(template, tmp_path_factory.mktemp("page"), dirs_exist_ok=True)
    with ServedPair(folder) as pair:
        yield pair.start()


@pytest.fixture(scope="module")
def origin(pair: ServedPair) -> Iterator[str]:
    with served_page(pair) as origin:
        yield origin


@pytest.fixture
def person(pair: ServedPair) -> Person:
    person = register(pair)
    person.add_book(name="Emil")
    return person


@pytest.fixture
def shelf(browser: Chrome, origin: str, person: Person) -> Iterator[ShelfPage]:
    """The page with the person logged in; fail if the console complains of anything."""
    page = ShelfPage(browser, origin)
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
    try:
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
    finally:
        shelf.browser.switch_to.window(copy)
        shelf.browser.close()
        shelf.browser.switch_to.window(first)


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

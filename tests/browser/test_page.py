"""The page of client/web in a real browser, as `make run` serves it."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from tests.books.files import HEADER, import_file
from tests.browser.pages import ShelfPage, served_page
from tests.people import PASSWORD, Person, new_name
from tests.served import ServedPair
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=alert(1)>&amp;"


@pytest.fixture(scope="module")
def origin(pair: ServedPair) -> Iterator[str]:
    with served_page(pair) as origin:
        yield origin


@pytest.fixture
def page(browser: Chrome, origin: str) -> Iterator[ShelfPage]:
    """The page, nobody logged in; fail if the console complains of anything."""
    page = ShelfPage(browser, origin).open()
    yield page
    assert page.complaints() == []


@pytest.fixture
def shelf(page: ShelfPage, person: Person) -> ShelfPage:
    """The page with the person logged in."""
    page.enter(person.name, person.password)
    page.find("#empty")
    return page


def test_from_registering_to_logging_out_by_keyboard(page: ShelfPage) -> None:
    name = new_name()
    page.enter(name, PASSWORD, "register")
    page.shows("#user", name)
    page.shows("#empty", "No books yet")

    page.key("n")
    page.write(name="Emil", Author="Kästner", Publisher="Dressler", book_prize="12")
    page.lists("Emil")
    page.key("n")
    page.write(name=MARKUP, Author="Ann", Publisher="Press")
    page.lists(MARKUP, "Emil")
    page.shows("#count", "2 books")

    page.key("/")
    page.key("kastner")
    page.lists("Emil")
    page.shows("#count", "1 found")

    page.press("td.actions button")
    page.write(book_prize="1500")
    page.shows("#status", "Saved.")
    page.shows("td.book_prize", "1500")

    page.press("td.actions button")
    page.press("#remove")
    page.browser.switch_to.alert.accept()
    page.shows("#status", "“Emil” is gone.")

    page.press("#logout")
    page.find("#login")
    assert page.run("return sessionStorage.length") == 0
    assert page.names() == []


def test_of_what_was_changed_elsewhere_too_one_keeps_ones_own_or_takes_the_other(
    shelf: ShelfPage, person: Person
) -> None:
    address = f"/books/{person.add_book(name='Emil')['id']}"
    shelf.run("location.reload()")
    shelf.press("td.actions button")
    shelf.find("#book")
    person.patch(address, {"name": "Emilia"})
    shelf.write(name="Emily")
    shelf.shows("#conflict", "Emilia")
    assert person.get(address).json()["name"] == "Emilia"  # nothing is lost
    shelf.write()
    shelf.lists("Emily")
    assert person.get(address).json()["name"] == "Emily"

    shelf.press("td.actions button")
    shelf.find("#book")
    person.patch(address, {"Author": "Erich"})
    shelf.write(name="Emma")
    shelf.press("#theirs")
    shelf.hides("#conflict")
    shelf.write(book_prize="7")
    shelf.shows("td.book_prize", "7")
    changed = person.get(address).json()
    assert (changed["name"], changed["Author"]) == ("Emily", "Erich")


def test_what_is_wrong_stands_beside_its_field(page: ShelfPage, person: Person) -> None:
    page.enter(person.name, "short", "register")
    page.find("#login [name=password][aria-invalid=true]")
    page.enter(person.name, PASSWORD, "register")
    page.shows("#login-name-complaint", "Name is already taken.")
    page.enter(person.name, "not the password")
    page.shows("#login .complaint", "Wrong name or password.")
    page.enter(person.name, PASSWORD)
    person.add_book(name="Emil", Author="Kästner")

    page.press("#add")
    page.write(name="Emil", Author="Kästner", book_prize="12.5")
    page.find("#book-Publisher-complaint")
    page.find("#book-book_prize-complaint")
    page.write(Publisher="Press", book_prize="")
    page.shows("#book-name-complaint", "Book already exists.")
    page.hides("#book-Publisher-complaint")

    page.key(Keys.ESCAPE)
    page.hides("#editor")


def test_too_many_wrong_passwords_are_a_sentence_with_the_wait(page: ShelfPage, person: Person) -> None:
    def is_refused() -> bool:
        page.enter(person.name, f"not the password {secrets.token_hex(4)}")
        page.hides("[aria-busy=true]")
        return "Too many attempts. Try again in " in page.find("#login .complaint").text

    # They double, from the fifth failure on.
    wait_until(is_refused, "each wait was over before the next attempt")


def test_an_import_lists_its_mistakes_by_line_or_says_what_is_new(shelf: ShelfPage, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.csv", tmp_path / "good.ndjson"
    bad.write_text("name,Author,Publisher,book_prize\nEmil,Kästner,Dressler,12\nMomo,,Thienemann,cheap\n")
    good.write_text('{"name": "Emil", "Author": "Kästner", "Publisher": "Dressler", "book_prize": 12}\n')

    shelf.choose(bad)
    shelf.shows("#report", "Line 3, Author: ")
    shelf.shows("#report", "Line 3, Price: ")
    shelf.key(Keys.ENTER)
    shelf.hides("#report")
    assert shelf.names() == []

    shelf.choose(good)
    shelf.shows("#status", "1 new book.")
    shelf.lists("Emil")
    shelf.choose(good)
    shelf.shows("#status", "0 new books, 1 were there already.")


def test_more_than_a_page_is_shown_on_demand_and_searched_while_typing(
    shelf: ShelfPage, person: Person
) -> None:
    import_file(person, HEADER + "".join(f"Book {number:02},Ann,Press,\n" for number in range(55)))
    newest_first = [f"Book {number:02}" for number in reversed(range(55))]
    shelf.run("location.reload()")
    shelf.lists(*newest_first[:50])
    shelf.shows("#count", "55 books")

    shelf.press("#more")
    shelf.lists(*newest_first)
    shelf.hides("#more")
    assert shelf.browser.switch_to.active_element.get_attribute("aria-label") == "Edit Book 04"

    shelf.type("#q", "book 17")
    shelf.lists("Book 17")
    shelf.type("#q", "nothing like it")
    shelf.lists()
    shelf.shows("#count", "0 found")


# The browser's own file, in a place of the page's that asks nobody where it is to be.
TO_PRIVATE_FILE = """
    const folder = navigator.storage.getDirectory();
    window.showSaveFilePicker = async ({suggestedName}) =>
        (await folder).getFileHandle(suggestedName, {create: true});
"""
READ = """
    const folder = await navigator.storage.getDirectory();
    return (await (await folder.getFileHandle("books.csv")).getFile()).text();
"""


def test_an_export_is_written_to_a_file_or_downloaded(
    shelf: ShelfPage, person: Person, tmp_path: Path
) -> None:
    person.add_book(name="Emil")
    shelf.run(TO_PRIVATE_FILE)
    shelf.press("#csv")
    shelf.shows("#status", "Exported.")
    assert shelf.run(f"return (async () => {{ {READ} }})()") == person.get("/books/export").text

    shelf.browser.refresh()
    shelf.lists("Emil")
    shelf.run("delete window.showSaveFilePicker")  # as a browser has it that knows no such files
    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    shelf.browser.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    shelf.press("#ndjson")
    shelf.shows("#status", "Exported.")
    file = tmp_path / "books.ndjson"
    wait_until(file.exists, "the file is there")
    assert file.read_text() == person.get("/books/export?format=ndjson").text


def test_it_fits_a_telephone(shelf: ShelfPage, person: Person) -> None:
    person.add_book(name="x" * 200, Author="y" * 200)
    telephone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    shelf.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", telephone)
    try:
        shelf.run("location.reload()")
        shelf.find("td.name")
        assert shelf.run("return document.documentElement.scrollWidth") == 390
    finally:
        shelf.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

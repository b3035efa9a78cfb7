"""The page of client/web in front of a pair, as the Procfile starts it, and what a person does on it."""

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

from tests.ports import free_port, is_open
from tests.programs import ROOT, Program
from tests.served import ServedPair
from tests.waiting import wait_until

CSS = By.CSS_SELECTOR
WAIT = 60  # seconds for the page to do something, on a busy machine
# The list may be drawn again between finding a button and pressing it, or something may still cover it.
UNREADY = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)


@contextmanager
def served_page(pair: ServedPair) -> Iterator[str]:
    """Run the line of the Procfile in front of the pair, and return the origin."""
    port = free_port()
    (line,) = [line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("page:")]
    words = shlex.split(line.partition("exec ")[2].replace("$PAGE_PORT", str(port)))
    program = Program(*words, environment=pair.environment, output=pair.log("page"))
    try:
        wait_until(lambda: is_open(port), "the page is not there")
        yield f"http://127.0.0.1:{port}"
    finally:
        program.send_signal(signal.SIGINT)  # without waiting for idle connections
        program.wait(timeout=WAIT)


class ShelfPage:
    """The page, open in a browser, with nobody logged in."""

    def __init__(self, browser: Chrome, origin: str) -> None:
        self.browser, self.origin = browser, origin
        browser.get(f"{origin}/icon.svg")  # where no script of another test's session runs
        browser.execute_script("sessionStorage.clear()")
        browser.get(origin)
        self.find("#login")

    def enter(self, name: str, password: str, how: str = "login") -> None:
        """Type name and password, and press one of the two buttons."""
        self.type("#login [name=name]", name)
        self.type("#login [name=password]", password)
        self.press(f"#login [value={how}]")

    def write(self, **members: str) -> None:
        """Type what is to stand in the fields of the editor, and press Enter."""
        for name, value in members.items():
            self.type(f"#book [name={name}]", value)
        self.find("#book [name=name]").send_keys(Keys.ENTER)

    def find(self, selector: str) -> WebElement:
        found = expected_conditions.visibility_of_element_located((CSS, selector))
        return WebDriverWait(self.browser, WAIT).until(found, selector)

    def press(self, selector: str) -> None:
        def click(browser: Chrome) -> bool:
            browser.find_element(CSS, selector).click()
            return True

        WebDriverWait(self.browser, WAIT, ignored_exceptions=UNREADY).until(click, selector)

    def type(self, selector: str, text: str) -> None:
        """Put `text` in place of what stands in a field."""
        field = self.find(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)

    def key(self, key: str) -> None:
        """Press a key, wherever the focus is."""
        self.browser.switch_to.active_element.send_keys(key)

    def choose(self, file: Path) -> None:
        """Choose a file to import."""
        self.browser.find_element(CSS, "#file").send_keys(str(file))

    def shows(self, selector: str, text: str) -> None:
        """Wait until what is there has this text in it."""
        self._wait(lambda: text in self.find(selector).text, f"{selector} shows {text}")

    def lists(self, *names: str) -> None:
        """Wait until these books, and no others, are listed in this order."""
        self._wait(lambda: self.names() == list(names), f"the list has {names}")

    def names(self) -> list[str]:
        return [cell.text for cell in self.browser.find_elements(CSS, "td.name")]

    def hides(self, selector: str) -> None:
        hidden = expected_conditions.invisibility_of_element_located((CSS, selector))
        WebDriverWait(self.browser, WAIT).until(hidden, selector)

    def run(self, script: str) -> Any:
        """Return what a script that runs in the page returns, or what its promise comes to."""
        return self.browser.execute_script(script)

    def complaints(self) -> list[str]:
        """Return what the console complains of, but for refusals, which the page shows itself."""
        entries: list[dict[str, Any]] = self.browser.get_log("browser")  # type: ignore[no-untyped-call] # untyped
        loud = [entry for entry in entries if entry["level"] in ("SEVERE", "WARNING")]
        return [entry["message"] for entry in loud if entry["source"] != "network"]

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        patient = WebDriverWait(
            self.browser, WAIT, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        patient.until(lambda _: condition(), what)

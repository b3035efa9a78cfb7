"""What a person does in the browser: on the page of client/web, and on /docs in the words of Swagger UI."""

import json
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

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
WAIT = 60  # seconds for a page to do something, on a busy machine
# What is there may be drawn again between finding and pressing it, or something may still cover it.
UNREADY = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)


@contextmanager
def served_page(pair: ServedPair, port: int = 0) -> Iterator[str]:
    """Run the line of the Procfile in front of the pair, and return the origin."""
    port = port or free_port()
    (line,) = [line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("page:")]
    words = shlex.split(line.partition("exec ")[2].replace("$PAGE_PORT", str(port)))
    program = Program(*words, environment=pair.environment, output=pair.log("page"))
    try:
        wait_until(lambda: is_open(port), "the page is not there")
        yield f"http://127.0.0.1:{port}"
    finally:
        program.send_signal(signal.SIGINT)  # without waiting for idle connections
        program.wait(timeout=WAIT)


class Page:
    """A page that is open in the browser's current window."""

    def __init__(self, browser: Chrome, origin: str) -> None:
        self.browser, self.origin = browser, origin

    def find(self, selector: str) -> WebElement:
        visible = expected_conditions.visibility_of_element_located((CSS, selector))
        found: WebElement = self._wait(visible, selector)
        return found

    def press(self, selector: str) -> None:
        def click(browser: Chrome) -> bool:
            browser.find_element(CSS, f"{selector}:not(:disabled)").click()
            return True

        self._wait(click, selector)

    def type(self, selector: str, text: str) -> None:
        """Put `text` in place of what stands in a field."""
        field = self.find(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)
        self._wait(lambda _: field.get_attribute("value") == text, f"{selector} has {text}")

    def complaints(self) -> list[str]:
        """Return what the console complains of, but for refusals, which the page shows itself."""
        entries = [each for each in self._log("browser") if each["level"] in ("SEVERE", "WARNING")]
        return [entry["message"] for entry in entries if entry["source"] != "network"]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        """Return what is new in a log of the browser."""
        return self.browser.get_log(kind)  # type: ignore[no-any-return, no-untyped-call] # untyped

    def _wait(self, condition: Callable[[Any], Any], what: str) -> Any:
        waiting = WebDriverWait(self.browser, WAIT, poll_frequency=0.05, ignored_exceptions=UNREADY)
        return waiting.until(condition, what)


class ShelfPage(Page):
    """The page of client/web."""

    def open(self) -> Self:
        """Open it with nobody logged in."""
        self.browser.get(f"{self.origin}/icon.svg")  # where no script of another test's session runs
        self.browser.execute_script("sessionStorage.clear()")
        self.browser.get(self.origin)
        self.find("#login")
        return self

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

    def key(self, key: str) -> None:
        """Press a key, wherever the focus is."""
        self.browser.switch_to.active_element.send_keys(key)

    def choose(self, file: Path) -> None:
        """Choose a file to import."""
        self.browser.find_element(CSS, "#file").send_keys(str(file))

    def shows(self, selector: str, text: str) -> None:
        """Wait until what is there has this text in it."""
        self._wait(lambda _: text in self.find(selector).text, f"{selector} shows {text}")

    def lists(self, *names: str) -> None:
        """Wait until these books, and no others, are listed in this order."""
        self._wait(lambda _: self.names() == list(names), f"the list has {names}")

    def names(self) -> list[str]:
        return [cell.text for cell in self.browser.find_elements(CSS, "td.name")]

    def hides(self, selector: str) -> None:
        self._wait(expected_conditions.invisibility_of_element_located((CSS, selector)), selector)

    def run(self, script: str) -> Any:
        """Return what a script that runs in the page returns, or what its promise comes to."""
        return self.browser.execute_script(script)


class Docs(Page):
    """The page /docs of one service."""

    def open(self) -> Self:
        """Open it with every operation folded."""
        self._log("performance")  # forget whom the browser itself asked
        self.browser.get(f"{self.origin}/docs")
        self.find(".opblock")
        return self

    def log_in(self, name: str, password: str, button: str = "login") -> None:
        """Log in by the form above Swagger UI, or by that of the window that its button opens."""
        page, others = self.browser.current_window_handle, self.browser.window_handles
        if self.browser.find_elements(CSS, "#open"):
            self.press("#open")
            self.switch_to_new_window(others)
        self.type("#login [name=name]", name)
        self.type("#login [name=password]", password)
        self.press(f"#login [value={button}]")
        if self.browser.current_window_handle != page:
            self._wait(lambda browser: browser.window_handles == others, "the window of the login closes")
            self.browser.switch_to.window(page)

    def user(self) -> str:
        """Return what the page says of who is logged in."""
        return self.find("#user span").text

    def message(self) -> str:
        """Return what is wrong with a login, or why it is over."""
        return self.find("#message:not(:empty)").text

    def open_other(self) -> None:
        """Open the page of the other service in a window by the link at the top."""
        others = self.browser.window_handles
        self.press("#bar .other")
        self.switch_to_new_window(others)
        self.find(".opblock")

    def switch_to_new_window(self, others: list[str]) -> None:
        self._wait(expected_conditions.new_window_is_opened({*others}), "a window opens")
        (window,) = {*self.browser.window_handles}.difference(others)
        self.browser.switch_to.window(window)

    def operations(self) -> set[tuple[str, str]]:
        """Return method and path of every operation that is shown."""
        methods = self.browser.find_elements(CSS, ".opblock-summary-method")
        paths = self.browser.find_elements(CSS, ".opblock-summary [data-path]")
        return {
            (method.text.lower(), path.get_attribute("data-path") or "")
            for method, path in zip(methods, paths, strict=True)
        }

    def statuses(self, operation: str) -> set[str]:
        """Return the statuses that an operation, which is unfolded, describes."""
        rows = f"[id$='-{operation}'] .responses-table:last-child tr.response"
        return {row.get_attribute("data-code") or "" for row in self.browser.find_elements(CSS, rows)}

    def authorise(self, values: dict[str, str], at: str = ".auth-wrapper .btn.authorize") -> None:
        """Type the values into the fields, by their selectors, of one scheme of "Authorize", or of a lock."""
        self.press(at)
        for field, value in values.items():
            self.type(field, value)
        self.press(f".auth-container form:has({next(iter(values))}) button[type=submit]")
        self.press(".close-modal")

    def execute(self, operation: str) -> tuple[int, Any]:
        """Press "Try it out" and "Execute" of the operation of this id; return the status and the JSON."""
        block = f"[id$='-{operation}']"
        for button in (".opblock-summary-control", ".try-out__btn", ".execute"):
            self.press(f"{block} {button}")
        status = self.find(f"{block} .live-responses-table .response .response-col_status").text
        body = self.find(f"{block} .live-responses-table .response .microlight").text
        return int(status.split()[0]), json.loads(body)

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for, those inside the page itself (data:) left out."""
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        addresses = [params["request"]["url"] for params in sent if params["documentURL"].startswith("http")]
        return [address for address in addresses if not address.startswith("data:")]

"""What a person does on /docs, in the words of Swagger UI."""

import json
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

WAIT = 30  # seconds for the page to do something, on a busy machine
CSS = By.CSS_SELECTOR


class Login:
    """The login above Swagger UI, in the browser's current window."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    def log_in(self, name: str, password: str, button: str = "login") -> None:
        """Log in by the form above Swagger UI, or by that of the window that its button opens."""
        page, others = self.browser.current_window_handle, self.browser.window_handles
        if self.browser.find_elements(CSS, "#open"):
            self._click("#open")
            self._switch_to_new_window(others)
        for selector, value in (("#login [name=name]", name), ("#login [name=password]", password)):
            self._find(selector).send_keys(value)
        self._click(f"#login [value={button}]")
        if self.browser.current_window_handle != page:
            WebDriverWait(self.browser, WAIT).until(lambda _: self.browser.window_handles == others)
            self.browser.switch_to.window(page)

    def user(self) -> str:
        """Return what the page says of who is logged in."""
        return self._find("#user span").text

    def message(self) -> str:
        """Return what is wrong with a login, or why it is over."""
        return self._find("#message:not(:empty)").text

    def wait_for_form(self) -> None:
        self._find("#login")

    def log_out(self) -> None:
        self._click("#user button")
        self.wait_for_form()

    def _switch_to_new_window(self, others: list[str]) -> None:
        opened = expected_conditions.new_window_is_opened(set(others))
        WebDriverWait(self.browser, WAIT).until(opened)
        [window] = set(self.browser.window_handles) - set(others)
        self.browser.switch_to.window(window)

    def _find(self, selector: str) -> WebElement:
        found = expected_conditions.visibility_of_element_located((CSS, selector))
        return WebDriverWait(self.browser, WAIT).until(found)

    def _click(self, selector: str) -> None:
        ready = expected_conditions.element_to_be_clickable((CSS, selector))
        WebDriverWait(self.browser, WAIT).until(ready).click()


class Docs(Login):
    """The page of one service, open in a browser."""

    def __init__(self, browser: Chrome, origin: str) -> None:
        super().__init__(browser)
        self.origin = origin
        browser.get_log("performance")  # type: ignore[no-untyped-call] # forget whom the browser itself asked
        browser.get(f"{origin}/docs")
        self._find(".opblock")

    def operations(self) -> set[tuple[str, str]]:
        """Return method and path of every operation that is shown."""
        paths = ".opblock-summary-path, .opblock-summary-path__deprecated"
        shown = self.browser.find_elements(CSS, ".opblock-summary")
        return {
            (
                block.find_element(CSS, ".opblock-summary-method").text.lower(),
                block.find_element(CSS, paths).get_attribute("data-path") or "",
            )
            for block in shown
        }

    def reload(self) -> None:
        """Load the page again, with every operation folded."""
        self.browser.get(f"{self.origin}/docs")
        self._find(".opblock")

    def open_other(self) -> "Docs":
        """Return the page of the other service, opened in a window by the link at the top."""
        others = self.browser.window_handles
        self._click("#bar .other")
        self._switch_to_new_window(others)
        self._find(".opblock")
        return self

    def statuses(self, operation: str) -> list[str]:
        """Return the statuses that an operation, which is unfolded, describes."""
        rows = self.browser.find_elements(
            CSS, f"[id$='-{operation}'] .responses-table:last-child tr.response"
        )
        return [row.get_attribute("data-code") or "" for row in rows]

    def unfold(self, operation: str) -> None:
        self._click(f"[id$='-{operation}'] .opblock-summary-control")
        self._find(f"[id$='-{operation}'] .responses-wrapper")

    def toggle_common_errors(self, operation: str) -> None:
        self._click(f"[id$='-{operation}'] .fold")

    def authorise(self, values: dict[str, str], *, at: str = ".auth-wrapper .btn.authorize") -> None:
        """Type the values into the fields, by their selectors, of one scheme of "Authorize", or of a lock."""
        self._click(at)
        for selector, value in values.items():
            self._find(selector).send_keys(value)
            typed = expected_conditions.text_to_be_present_in_element_value((CSS, selector), value)
            WebDriverWait(self.browser, WAIT).until(typed)
        self._click(f".auth-container form:has({next(iter(values))}) button[type=submit]")
        self._click(".close-modal")

    def execute(self, operation: str) -> tuple[int, Any]:
        """Press "Try it out" and "Execute" of the operation of this id; return the status and the JSON."""
        block = f"[id$='-{operation}']"
        self._click(f"{block} .opblock-summary-control")
        self._click(f"{block} .try-out__btn")
        self._click(f"{block} .execute")
        status = self._find(f"{block} .live-responses-table .response .response-col_status").text
        body = self._find(f"{block} .live-responses-table .response .microlight").text
        return int(status.split()[0]), json.loads(body)

    def complaints(self) -> list[str]:
        """Return what the console complains of, a blocked load (content security policy) included."""
        entries: list[dict[str, Any]] = self.browser.get_log("browser")  # type: ignore[no-untyped-call] # untyped
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for, those inside the page itself (data:) left out."""
        entries: list[dict[str, Any]] = self.browser.get_log("performance")  # type: ignore[no-untyped-call] # untyped
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        addresses = [params["request"]["url"] for params in sent if params["documentURL"].startswith("http")]
        return [address for address in addresses if not address.startswith("data:")]

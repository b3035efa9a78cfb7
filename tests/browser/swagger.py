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


class Docs:
    """The page of one service, open in a browser."""

    def __init__(self, browser: Chrome, origin: str) -> None:
        self.browser, self.origin = browser, origin
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

    def authorise(self, values: dict[str, str]) -> None:
        """Type the values into the fields, by their selectors, of one scheme of "Authorize"."""
        self._click(".auth-wrapper .btn.authorize")
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

    def _find(self, selector: str) -> WebElement:
        found = expected_conditions.visibility_of_element_located((CSS, selector))
        return WebDriverWait(self.browser, WAIT).until(found)

    def _click(self, selector: str) -> None:
        ready = expected_conditions.element_to_be_clickable((CSS, selector))
        WebDriverWait(self.browser, WAIT).until(ready).click()

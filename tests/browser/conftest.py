"""The fixtures of the browser's tests: Chromium as Debian packs it, with a fresh profile."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.debian import require
from tests.served import ServedPair

SWITCHES = (
    "--headless",
    "--no-sandbox",  # root cannot have one
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # small in a container
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1300,2000",
)
LOGS = ("browser", "performance")
WAIT = 30  # seconds for a script to end


@pytest.fixture(scope="session")
def pair(served_pairs: Callable[[str], ServedPair]) -> ServedPair:
    """Return both services with servers; a page knows of no database."""
    return served_pairs("sqlite")


@pytest.fixture
def browser(chromium: Chrome) -> Chrome:
    """Return the browser with one new tab, and nothing left of what another test did in it."""
    old = chromium.window_handles
    chromium.switch_to.new_window("tab")
    new = chromium.current_window_handle
    for window in old:
        chromium.switch_to.window(window)
        chromium.close()
    chromium.switch_to.window(new)
    for kind in LOGS:
        chromium.get_log(kind)  # type: ignore[no-untyped-call] # reading empties it
    return chromium


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Return a browser that logs what its pages complain of and whom they ask."""
    require(["chromium", "chromedriver"], "chromium", "chromium-driver")
    options, driver = ChromeOptions(), shutil.which("chromedriver")
    options.binary_location = shutil.which("chromium") or ""
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", dict.fromkeys(LOGS, "ALL"))
    with Chrome(options=options, service=Service(driver)) as browser:
        browser.set_script_timeout(WAIT)
        yield browser

"""The fixtures of the browser's tests: Chromium as Debian packs it, with a fresh profile."""

import shutil
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests import served
from tests.debian import require

pair = served.pair  # its servers are what is tested

PROGRAMS = ("chromium", "chromedriver")
PACKAGES = ("chromium", "chromium-driver")
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
def programs() -> list[str]:
    """Return the paths of the browser and of its driver."""
    require(PROGRAMS, *PACKAGES)
    return [shutil.which(program) or program for program in PROGRAMS]


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
def chromium(programs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Return a browser that logs what its pages complain of and whom they ask."""
    options = ChromeOptions()
    options.binary_location, driver = programs
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", dict.fromkeys(LOGS, "ALL"))
    with Chrome(options=options, service=Service(driver)) as browser:
        browser.set_script_timeout(WAIT)
        yield browser

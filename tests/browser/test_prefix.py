"""Both services behind a proxy that takes a path off: a person finds their way all the same.

Where else the path is put back is in tests/common/test_url_prefix.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.edge import free_origin, nginx, prefix_of
from tests.browser.swagger import Docs
from tests.people import Person, register
from tests.served import ServedPair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True),  # a proxy knows of no database
]


@pytest.fixture
def edge(own_served_pair: ServedPair, tmp_path: Path) -> Iterator[str]:
    """Return the origin of nginx, which tells the paths by a header."""
    own_served_pair.environment["TRUSTED_PROXIES"] = "127.0.0.1"
    own_served_pair.start()
    with nginx(own_served_pair, tmp_path, free_origin()[0], tells_prefix=True) as origin:
        yield origin


@pytest.fixture
def person(own_served_pair: ServedPair) -> Person:
    return register(own_served_pair)


def test_a_person_logs_in_and_calls_from_the_docs(edge: str, person: Person, browser: Chrome) -> None:
    docs = Docs(browser, edge + prefix_of("books"))
    docs.log_in(person.name, person.password)  # in a window of auth
    status, answer = docs.execute("list_books")

    assert (status, answer["list_of_books"]) == (200, [])
    assert docs.complaints() == []
    asked = docs.requests()
    assert [address for address in asked if address.startswith(f"{edge}/shop/books/books?")]
    assert {address.removeprefix(f"{edge}/shop/").partition("/")[0] for address in asked} <= {"auth", "books"}

    docs = docs.open_other()
    assert docs.user() == f"Logged in as {person.name}"
    assert docs.execute("show_me")[0] == 200
    assert docs.complaints() == []

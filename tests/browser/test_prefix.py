"""Both services behind a proxy that takes a path off: a person and a program find their way all the same."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from selenium.webdriver import Chrome

from tests import api
from tests.browser.edge import free_origin, nginx, prefix_of
from tests.browser.swagger import Docs
from tests.people import Person, book, register
from tests.served import ServedPair

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True),  # a proxy knows of no database
    pytest.mark.parametrize("edge", ["header", "setting"], indirect=True),
]


@pytest.fixture
def edge(request: pytest.FixtureRequest, own_served_pair: ServedPair, tmp_path: Path) -> Iterator[str]:
    """Return the origin of nginx, which tells the paths by a header; or else they are settings."""
    tells_prefix = request.param == "header"
    names = ["TRUSTED_PROXIES"] if tells_prefix else ["AUTH_URL_PREFIX", "BOOKS_URL_PREFIX"]
    values = ["127.0.0.1"] if tells_prefix else [prefix_of("auth"), prefix_of("books")]
    own_served_pair.environment |= dict(zip(names, values, strict=True))
    own_served_pair.start()
    with nginx(own_served_pair, tmp_path, free_origin()[0], tells_prefix=tells_prefix) as origin:
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


def test_a_program_follows_location_and_link(edge: str, person: Person) -> None:
    shelf = edge + prefix_of("books") + "/books"

    def ask(method: str, url: str, **options: object) -> requests.Response:
        return api.request(method, url, headers=person.with_token(), timeout=30, **options)

    made = [ask("POST", shelf, json=book()) for _ in range(3)]
    shown = ask("GET", urljoin(shelf, made[0].headers["Location"]))
    first = ask("GET", f"{shelf}?limit=2")
    rest = ask("GET", urljoin(shelf, first.links["next"]["url"]))

    assert shown.json() == made[0].json()["book"]
    listed = first.json()["list_of_books"] + rest.json()["list_of_books"]
    assert listed == [each.json()["book"] for each in made]

"""Exports and long imports take a place in a worker, and nobody takes all of them."""

from contextlib import ExitStack

import pytest
import requests

from books_service.views.transfer import limit_of
from tests.books.conftest import somebody
from tests.books.files import as_csv, books, import_file
from tests.cases import on_sqlite
from tests.pair import Pair
from tests.people import Person, assert_problem

LONG, SHORT = as_csv(books(3000)), as_csv(books(10))

pytestmark = on_sqlite


def hold(held: ExitStack, what: str, person: Person, count: int) -> None:
    """Let the person have so many places, as requests that have not ended."""
    for _ in range(count):
        held.enter_context(limit_of(person.public_id, what).slot())


def ask(person: Person, what: str) -> requests.Response:
    if what == "exports":
        return person.get("/books/export")
    return import_file(person, LONG, query="?dry_run=1")


@pytest.mark.parametrize(("what", "other"), [("exports", "long_files"), ("long_files", "exports")])
def test_a_third_at_once_of_one_user_is_refused_and_others_get_in(
    pair: Pair, person: Person, what: str, other: str
) -> None:
    with ExitStack() as held:
        hold(held, what, person, 1)
        assert ask(person, what).status_code == 200
        hold(held, what, person, 1)
        refused = ask(person, what)
        assert [ask(somebody(pair), what).status_code, ask(person, other).status_code] == [200, 200]
        assert import_file(person, SHORT).status_code == 200
    assert_problem(refused, 503)
    assert refused.headers["Retry-After"] == "5"
    assert ask(person, what).status_code == 200


@pytest.mark.parametrize("body", [b"\xff", b"x"], ids=ascii)
def test_what_is_refused_gives_its_place_back(person: Person, body: bytes) -> None:
    for _ in range(3):
        assert import_file(person, body + bytes(70_000)).status_code in (400, 422)
        assert person.get("/books/export?format=xml").status_code == 422
        assert person.get("/books/export").status_code == 200

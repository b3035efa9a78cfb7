"""A key file that breaks while a service runs is refused loudly; what rotates is in tests/resilience."""

import pytest
import requests

from tests import api
from tests.books.conftest import somebody
from tests.common.jwks import jwk, write, write_text
from tests.common.log_lines import all_lines
from tests.resilience.alone import workers
from tests.served import ServedPair
from tests.waiting import wait_until

# Keys have nothing to do with the database.
pytestmark = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)


@pytest.fixture
def books(own_served_pair: ServedPair) -> ServedPair:
    """Return the books service alone, with two workers."""
    return own_served_pair.start("books")


def ask(pair: ServedPair, token: str) -> requests.Response:
    """Ask over a new connection, so that either worker may answer."""
    return api.get(pair.url("books") + "/books", headers={"x-access-tokens": token})


def test_a_file_that_breaks_is_refused_loudly_and_the_last_good_keys_stay(books: ServedPair) -> None:
    path = books.folder / "keys.json"
    write(path, jwk())
    token = somebody(books).token
    good = path.read_text()
    wait_until(lambda: events(books, "keys_loaded") == 3, "not both workers and their parent saw the file")

    write_text(path, '{"keys": [')
    wait_until(lambda: events(books, "keys_refused") == 3, "not all three have refused the file")
    assert {state_of_keys(books) for _ in range(8)} == {"degraded"}
    workers(books)[0].kill()
    wait_until(lambda: len(workers(books)) == 2, "there is another worker")
    assert [ask(books, token).status_code for _ in range(16)] == [200] * 16

    write_text(path, good)
    wait_until(lambda: {state_of_keys(books) for _ in range(8)} == {"ok"}, "the good file is not taken")
    assert ask(books, token).status_code == 200


def events(pair: ServedPair, event: str) -> int:
    """Return how often books has logged an event."""
    return [line["event"] for line in all_lines(pair.log("books").read_text())].count(event)


def state_of_keys(pair: ServedPair) -> str:
    """Return what a worker says of its keys, which never make it unready."""
    ready = api.get(pair.url("books") + "/readyz")
    assert ready.status_code == 200
    return str(ready.json()["checks"]["keys"])

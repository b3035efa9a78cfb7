"""Keys that change while a service runs: new ones are taken at once, broken ones refused loudly."""

import time
import uuid

import pytest
import requests

from common.tokens import access as tokens
from common.tokens.keys import read_keys
from tests import api
from tests.common.jwks import Jwk, jwk, write, write_text
from tests.common.log_lines import all_lines
from tests.people import assert_problem
from tests.resilience.alone import workers
from tests.served import ServedPair
from tests.waiting import wait_until

# Keys have nothing to do with the database.
pytestmark = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)


@pytest.fixture
def books(own_served_pair: ServedPair) -> ServedPair:
    """Return the books service alone, with two workers."""
    return own_served_pair.start("books")


def use(pair: ServedPair, *keys: Jwk) -> None:
    write(pair.folder / "keys.json", *keys)


def ask(pair: ServedPair, token: str) -> requests.Response:
    """Ask over a new connection, so that either worker may answer."""
    return api.get(pair.url("books") + "/books", headers={"x-access-tokens": token})


def token_of(pair: ServedPair) -> str:
    """Return a token signed with the key that signs now."""
    public_id = str(uuid.uuid4())
    key = read_keys(pair.folder / "keys.json").signing
    return tokens.issue(key, public_id=public_id, session_id=str(uuid.uuid4()), now=time.time())


def until(pair: ServedPair, token: str, status: int) -> None:
    """Wait until every worker gives this answer."""
    wait_until(lambda: {ask(pair, token).status_code for _ in range(20)} == {status}, f"not all say {status}")


def test_keys_that_change_are_noticed(books: ServedPair) -> None:
    old = token_of(books)
    assert ask(books, old).status_code == 200

    use(books, jwk())
    assert [ask(books, token_of(books)).status_code for _ in range(8)] == [200] * 8  # looked up at once
    until(books, old, 401)


def test_a_token_that_is_remembered_ends_with_its_key(books: ServedPair) -> None:
    kept, retired = jwk(kid="kept", key_ops=["verify"]), jwk(kid="retired")
    use(books, retired, kept)
    token = token_of(books)
    until(books, token, 200)

    use(books, kept | {"key_ops": ["sign", "verify"]})

    until(books, token, 401)
    assert_problem(ask(books, token), 401, "token is invalid")


def test_a_file_that_breaks_is_refused_loudly_and_the_last_good_keys_stay(books: ServedPair) -> None:
    use(books, jwk())
    token, path = token_of(books), books.folder / "keys.json"
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


def test_a_single_secret_is_shared_by_both_services(own_served_pair: ServedPair) -> None:
    own_served_pair.environment["JWT_SECRET"] = "nBqJ3vY7pLw9sXc2zRt5uKm8hGd4fEa1"
    own_served_pair.start()
    body = {"name": "Ann", "password": "the moon is made of paper"}

    token = api.post(own_served_pair.url("auth") + "/register", json=body).json()["token"]

    assert ask(own_served_pair, token).status_code == 200

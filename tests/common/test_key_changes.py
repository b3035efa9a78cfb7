"""Keys that change while a service runs: new ones are taken at once, broken ones refused loudly."""

import json
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

on_sqlite = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # keys have nothing to do with it


@pytest.fixture
def books(own_served_pair: ServedPair) -> ServedPair:
    """Return the books service alone, with two workers."""
    return own_served_pair.start("books")


def use(pair: ServedPair, *keys: Jwk) -> None:
    write(pair.folder / "keys.json", *keys)


def ask(pair: ServedPair, token: str) -> requests.Response:
    """Ask over a new connection, so that either worker may answer."""
    return api.get(pair.url("books") + "/books", headers={"x-access-tokens": token}, timeout=30)


def token_of(pair: ServedPair) -> str:
    """Return a token signed with the key that signs now."""
    public_id = str(uuid.uuid4())
    key = read_keys(pair.folder / "keys.json").signing
    return tokens.issue(key, public_id=public_id, session_id=str(uuid.uuid4()), now=time.time())


def until(pair: ServedPair, token: str, status: int) -> None:
    """Wait until every worker gives this answer."""
    wait_until(lambda: {ask(pair, token).status_code for _ in range(20)} == {status}, f"not all say {status}")


@on_sqlite
def test_keys_that_change_are_noticed(books: ServedPair) -> None:
    old = token_of(books)
    assert ask(books, old).status_code == 200

    use(books, jwk())
    assert [ask(books, token_of(books)).status_code for _ in range(8)] == [200] * 8  # looked up at once
    until(books, old, 401)


@on_sqlite
def test_a_token_that_is_remembered_ends_with_its_key(books: ServedPair) -> None:
    kept, retired = jwk(kid="kept", key_ops=["verify"]), jwk(kid="retired")
    use(books, retired, kept)
    token = token_of(books)
    until(books, token, 200)

    use(books, kept | {"key_ops": ["sign", "verify"]})

    until(books, token, 401)
    assert_problem(ask(books, token), 401, "token is invalid")


@on_sqlite
@pytest.mark.parametrize(
    "text", ["", '{"keys": [', json.dumps({"keys": [jwk(b"changeme" * 5)]})], ids=["empty", "cut", "weak"]
)
def test_a_file_that_breaks_is_refused_loudly_and_the_old_keys_stay(books: ServedPair, text: str) -> None:
    old, path = token_of(books), books.folder / "keys.json"
    good = path.read_text()

    write_text(path, text)
    wait_for_event(books, "keys_refused")

    assert [ask(books, old).status_code for _ in range(8)] == [200] * 8
    ready = api.get(books.url("books") + "/readyz", timeout=30)
    assert (ready.status_code, ready.json()["checks"]["keys"]) in [(200, "degraded"), (200, "ok")]

    write_text(path, good)
    wait_for_event(books, "keys_loaded")
    assert ask(books, old).status_code == 200


@on_sqlite
def test_who_is_asked_nothing_and_who_comes_later_has_the_last_good_keys(books: ServedPair) -> None:
    use(books, jwk())
    token = token_of(books)
    everywhere(books, "keys_loaded")
    write_text(books.folder / "keys.json", '{"keys": [')
    everywhere(books, "keys_refused")

    workers(books)[0].kill()
    wait_until(lambda: len(workers(books)) == 2, "there is another worker")

    assert [ask(books, token).status_code for _ in range(16)] == [200] * 16


def everywhere(pair: ServedPair, event: str) -> None:
    """Wait until both workers and the process that forks them have written that they saw the file."""

    def seen() -> int:
        return [line["event"] for line in all_lines(pair.log("books").read_text())].count(event)

    wait_until(lambda: seen() == 3, f"{event} is not three times in the log")


def wait_for_event(pair: ServedPair, event: str) -> None:
    """Keep asking until a worker has written that it saw the file."""

    def is_written() -> bool:
        ask(pair, "x")
        return event in {line["event"] for line in all_lines(pair.log("books").read_text())}

    wait_until(is_written, f"{event} is not in the log")


@on_sqlite
def test_a_single_secret_is_shared_by_both_services(own_served_pair: ServedPair) -> None:
    own_served_pair.environment["JWT_SECRET"] = "nBqJ3vY7pLw9sXc2zRt5uKm8hGd4fEa1"
    own_served_pair.start()
    body = {"name": "Ann", "password": "the moon is made of paper"}

    token = api.post(own_served_pair.url("auth") + "/register", json=body, timeout=30).json()["token"]

    assert ask(own_served_pair, token).status_code == 200

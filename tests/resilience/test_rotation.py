"""Keys that rotate under load: nobody notices, until one is retired."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.tokens.keys import read_keys
from tests.feed.ends import refused_everywhere
from tests.pair import run_flask
from tests.people import Person, register
from tests.resilience.writers import Writers
from tests.served import ServedPair
from tests.waiting import wait_until

ROTATIONS = int(os.environ.get("BOOKSTORE_TEST_ROTATIONS", "2"))  # three to six seconds each


def keys(pair: ServedPair, *words: str) -> str:
    return run_flask("auth", "keys", *words, environment=pair.environment)


def newcomers_while_keys_rotate(pair: ServedPair) -> list[Person]:
    """Rotate once; return who came meanwhile, and was at once believed by both services."""
    came = []
    with ThreadPoolExecutor() as threads:
        rotating = threads.submit(keys, pair, "rotate")
        while not rotating.done():
            newcomer = register(pair)
            assert newcomer.get("/books").status_code == 200
            assert newcomer.get("/me", "auth").status_code == 200
            came.append(newcomer)
        rotating.result()
    return came


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # databases have nothing to do with it
def test_no_request_notices_that_keys_rotate_until_one_is_retired(own_served_pair: ServedPair) -> None:
    first = register(own_served_pair.start())
    with Writers(first, count=4) as writers:
        came = [newcomers_while_keys_rotate(own_served_pair) for _ in range(ROTATIONS)]
    assert set(writers.statuses) == {200, 201}
    assert (writers.broken, writers.refused) == ([], 0)
    assert all(came)

    current = read_keys(own_served_pair.folder / "keys.json")
    for kid in current.verifying.keys() - {current.signing.id}:
        keys(own_served_pair, "retire", "--force", kid)

    wait_until(lambda: refused_everywhere(first), "the old keys are not forgotten")
    assert register(own_served_pair).get("/books").status_code == 200

"""The fixtures of the tests of the feed: who tells something, and who follows."""

from collections.abc import Iterator

import pytest

from tests.feed.followers import Followers
from tests.feed.tellers import Shelves, Teller
from tests.pair import Pair
from tests.served import FOLLOWER, ServedPair


@pytest.fixture
def teller(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Teller]:
    """Return somebody who tells events of the running pair."""
    with Teller(pair.environment, monkeypatch) as teller:
        yield teller


@pytest.fixture
def own_teller(own_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Teller]:
    """Return somebody who tells events of a pair that is the test's own."""
    with Teller(own_pair.environment, monkeypatch) as teller:
        yield teller


@pytest.fixture
def own_shelves(own_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelves]:
    """Return the books database of a pair that is the test's own."""
    with Shelves(own_pair.environment, monkeypatch) as shelves:
        yield shelves


@pytest.fixture
def followers(own_served_pair: ServedPair) -> Iterator[Followers]:
    """Return how followers are started and killed; none of them outlives the test."""
    with Followers(own_served_pair) as followers:
        yield followers


@pytest.fixture
def followed(pair: ServedPair) -> ServedPair:
    """Return the running pair with a follower, which stays to the end of the run."""
    if FOLLOWER not in pair.processes:
        pair.start(FOLLOWER)
    return pair


@pytest.fixture
def shelves(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelves]:
    """Return the books database of the running pair."""
    with Shelves(pair.environment, monkeypatch) as shelves:
        yield shelves

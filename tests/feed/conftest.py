"""The fixtures of the tests of the feed: who tells something, and where it is applied."""

from collections.abc import Iterator

import pytest

from tests.feed.tellers import Shelves, Teller
from tests.pair import Pair


@pytest.fixture
def teller(own_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Teller]:
    """Return somebody who tells events of the test's own pair."""
    with Teller(own_pair.environment, monkeypatch) as teller:
        yield teller


@pytest.fixture
def shelves(own_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelves]:
    """Return the books database of the test's own pair."""
    with Shelves(own_pair.environment, monkeypatch) as shelves:
        yield shelves

"""The fixtures of the tests of what both services share."""

import functools

import pytest

from tests.pair import Pair
from tests.people import Person, register


@pytest.fixture
def reader(pair: Pair) -> Person:
    """Return somebody whose requests leave nothing behind, so that many tests can share them."""
    return reader_of(pair)


reader_of = functools.cache(register)

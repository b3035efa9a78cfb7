"""The fixtures of the tests of auth."""

from collections.abc import Iterator

import pytest

from tests.auth.shell import Operator
from tests.pair import Pair


@pytest.fixture
def operator(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """Return somebody with a shell on the machine of the running pair."""
    with Operator(pair.environment, monkeypatch) as operator:
        yield operator

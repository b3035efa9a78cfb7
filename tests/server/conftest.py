"""The fixtures of the tests of the server."""

from collections.abc import Iterator

import pytest

from tests.server.served import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server for the tests that leave it as they found it."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running

"""The fixtures of the tests of the server."""

from collections.abc import Iterator

import pytest

from tests.server.served import SERVERS, Server, serving


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server of each kind, for the tests that leave it as they found it."""
    with serving(tmp_path_factory.mktemp("server"), request.param) as running:
        yield running


@pytest.fixture(scope="session")
def gunicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return gunicorn, for the tests of what Granian does in another way."""
    with serving(tmp_path_factory.mktemp("gunicorn"), "gunicorn") as running:
        yield running

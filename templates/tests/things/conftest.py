"""The fixture of the tests of things: auth and things, without the other services."""

import secrets
from collections.abc import Iterator

import pytest

from tests.pair import KINDS, Pair
from tests.postgres_server import PostgresServer

SERVICES = ("auth", "things")


@pytest.fixture(scope="session", params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both services in this process; shared by the tests, so that each brings its own people."""
    databases = None
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        names = {service: f"{service}_{secrets.token_hex(4)}" for service in SERVICES}
        databases = {service: postgres.create_database(name) for service, name in names.items()}
    folder = tmp_path_factory.mktemp("things")
    with Pair(folder, databases=databases, services=SERVICES) as pair:
        yield pair.prepare().start()

"""The fixtures of all tests: both services on both databases, as they run for real."""

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from auth_service import key_file
from tests.contract.raw_client import RawClient, TokenProbe
from tests.contract.recipes import Key
from tests.pair import SERVICES, Pair
from tests.people import Person, register, register_admin

pytest_plugins = ["tests.postgres"]


def make_databases(request: pytest.FixtureRequest, kind: str) -> dict[str, str]:
    """Return the URL of an empty database by service, none of them for SQLite's files in the data folder."""
    if kind == "sqlite":
        return {}
    postgres = request.getfixturevalue("postgres")
    return {service: postgres.create_database(f"{service}_{secrets.token_hex(4)}") for service in SERVICES}


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both services, running; shared by the tests of one process, so that each brings its own people."""
    folder = tmp_path_factory.mktemp("pair")
    with Pair(folder, databases=make_databases(request, request.param)).prepare() as pair:
        key_file.rotate(folder / "keys.json", follow=0)  # one key signs, another only verifies
        yield pair.start()


@pytest.fixture(params=["sqlite", "postgresql"])
def own_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Both services, prepared but not started: for a test that stops, kills or changes them."""
    with Pair(tmp_path, databases=make_databases(request, request.param)).prepare() as pair:
        yield pair


@pytest.fixture
def person(pair: Pair) -> Person:
    """Return somebody newly registered."""
    return register(pair)


@pytest.fixture(scope="session")
def admin(pair: Pair) -> Person:
    """Return an admin."""
    return register_admin(pair)


@pytest.fixture(scope="session")
def token_probe(pair: Pair) -> Iterator[TokenProbe]:
    """Return what the corpus of tokens needs of a running pair."""
    person = register(pair)
    claims = json.loads(base64.urlsafe_b64decode(person.token.split(".")[1] + "=="))
    with RawClient(pair.url("auth")) as auth, RawClient(pair.url("books")) as books:
        yield TokenProbe(auth, books, keys_of(pair), person.public_id, claims["sid"], person.token)


def keys_of(pair: Pair) -> list[Key]:
    """Return the keys that the pair was started with."""
    jwks = json.loads((pair.folder / "keys.json").read_text())["keys"]
    return [
        Key(
            kid=jwk["kid"],
            secret=base64.urlsafe_b64decode(jwk["k"] + "=="),
            signs="sign" in jwk["key_ops"],
        )
        for jwk in jwks
    ]

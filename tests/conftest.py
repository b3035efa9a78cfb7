"""The fixtures of all tests: both services on both databases, as they run for real."""

import base64
import functools
import gc
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from auth_service.cli import key_file
from tests.contract.recipes import Key
from tests.pair import SERVICES, Pair, run_flask
from tests.people import Person, register, register_admin
from tests.postgres_server import PostgresServer, lock

pytest_plugins = ["tests.postgres"]

# Nine thousand tests stay to the end: to look through them for garbage as often as usual takes a while.
gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def template() -> Path:
    """Return a data folder with keys and migrated databases, made once for all processes of the run."""
    folder = Path(os.environ["BOOKSTORE_TEST_POSTGRES"]) / "template"  # a folder of this run, see postgres.py
    with lock(folder.with_suffix(".lock")):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            Pair(unfinished).prepare()
            unfinished.rename(folder)
    return folder


def make_pair(request: pytest.FixtureRequest, kind: str, folder: Path) -> Pair:
    """Return both services with keys and migrated databases in `folder`, not started."""
    template = request.getfixturevalue("template")
    shutil.copytree(template, folder, dirs_exist_ok=True)
    if kind == "sqlite":
        return Pair(folder)
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return Pair(folder, databases={service: migrated_database(postgres, service) for service in SERVICES})


def migrated_database(postgres: PostgresServer, service: str) -> str:
    """Return the URL of a database of its own, a copy of one that was migrated once."""

    def migrate(url: str) -> None:
        settings = Pair(Path()).environment | {f"{service.upper()}_DATABASE_URL": url}
        run_flask(service, "db", "upgrade", environment=settings)

    template = postgres.template(f"{service}_template", migrate)
    return postgres.create_database(f"{service}_{secrets.token_hex(4)}", template=template)


@pytest.fixture(scope="session")
def pairs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Pair]]:
    """Return how to get the pair on a kind of database; each is started once and runs to the end."""
    with ExitStack() as running:

        @functools.cache
        def pair_on(kind: str) -> Pair:
            folder = tmp_path_factory.mktemp("pair")
            pair = running.enter_context(make_pair(request, kind, folder))
            key_file.rotate(folder / "keys.json", follow=0)  # one key signs, another only verifies
            return pair.start()

        yield pair_on


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, pairs: Callable[[str], Pair]) -> Pair:
    """Both services, running; shared by the tests of one process, so that each brings its own people."""
    return pairs(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def own_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Both services, prepared but not started: for a test that stops, kills or changes them."""
    with make_pair(request, request.param, tmp_path) as pair:
        yield pair


@pytest.fixture
def person(pair: Pair) -> Person:
    """Return somebody newly registered."""
    return register(pair)


@pytest.fixture(scope="session")
def admin(pair: Pair) -> Person:
    """Return an admin, one for each pair."""
    return admin_of(pair)


admin_of = functools.cache(register_admin)


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

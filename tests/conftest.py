"""The fixtures of all tests: both services on both databases, as they run for real."""

import base64
import functools
import gc
import json
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest

from auth_service.cli import key_file
from tests.common.log_lines import Log
from tests.contract.recipes import Key
from tests.pair import KINDS, SERVICES, Pair, invoke
from tests.people import Person, register, register_admin
from tests.postgres_server import PostgresServer, lock
from tests.served import ServedPair

pytest_plugins = ["tests.postgres"]

AnyPair = TypeVar("AnyPair", bound=Pair)

# Where servers, containers and browsers are tested, and the fixtures that start one elsewhere.
SYSTEM_FOLDERS = {"browser", "e2e", "resilience", "run", "server"}
SYSTEM_FIXTURES = {"served_pairs", "own_served_pair", "own_postgres"}

# On a busy machine any example may take long, and nothing would be wrong.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")

# Nobody's own keyring is asked.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

# A shell has what it starts in the background ignore Ctrl-C, and so would what the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What the tests hold stays to the end: to look through them for garbage as often as usual takes a while.
gc.set_threshold(50_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs more than this process and a database."""
    for item in items:
        fixtures = item.fixturenames if isinstance(item, pytest.Function) else []
        if item.path.parent.name in SYSTEM_FOLDERS or SYSTEM_FIXTURES & set(fixtures):
            item.add_marker("system")


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


def databases_on(request: pytest.FixtureRequest, kind: str, folder: Path) -> dict[str, str] | None:
    """Make migrated databases and keys in `folder`; return the URLs of the databases by service."""
    shutil.copytree(request.getfixturevalue("template"), folder, dirs_exist_ok=True)
    if kind == "sqlite":
        return None  # they are in the folder
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return {service: migrated_database(postgres, service) for service in SERVICES}


def migrated_database(postgres: PostgresServer, service: str) -> str:
    """Return the URL of a database of its own, a copy of one that was migrated once."""

    def migrate(url: str) -> None:
        settings = Pair(Path()).environment | {f"{service.upper()}_DATABASE_URL": url}
        invoke(service, "db", "upgrade", environment=settings)

    template = postgres.template(f"{service}_template", migrate)
    return postgres.create_database(f"{service}_{secrets.token_hex(4)}", template=template)


@contextmanager
def shared(
    request: pytest.FixtureRequest, folders: pytest.TempPathFactory, make: type[AnyPair]
) -> Iterator[Callable[[str], AnyPair]]:
    """Yield how to get a pair on a kind of database: each is started once, and stopped with the block."""
    with ExitStack() as running:

        @functools.cache
        def start(kind: str) -> AnyPair:
            folder = folders.mktemp("pair")
            pair = make(folder, databases=databases_on(request, kind, folder))
            key_file.rotate(folder / "keys.json", follow=0)  # one key signs, another only verifies
            running.enter_context(pair)
            return pair.start()

        yield start


@pytest.fixture(scope="session")
def pairs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Pair]]:
    """Return how to get the pair of this process on a kind of database."""
    with shared(request, tmp_path_factory, Pair) as pairs:
        yield pairs


@pytest.fixture(scope="session")
def served_pairs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], ServedPair]]:
    """Return how to get the pair with servers on a kind of database."""
    with shared(request, tmp_path_factory, ServedPair) as pairs:
        yield pairs


@pytest.fixture(scope="session", params=KINDS)
def pair(request: pytest.FixtureRequest, pairs: Callable[[str], Pair]) -> Pair:
    """Both services in this process; shared by its tests, so that each brings its own people."""
    return pairs(request.param)


@pytest.fixture(params=KINDS)
def own_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Keys and databases of a test's own; nothing is started."""
    with Pair(tmp_path, databases=databases_on(request, request.param, tmp_path)) as pair:
        yield pair


@pytest.fixture
def own_served_pair(own_pair: Pair) -> Iterator[ServedPair]:
    """Both services, prepared but not started: for a test that stops, kills or changes them."""
    with ServedPair(own_pair.folder, databases=own_pair.databases) as pair:
        yield pair


@pytest.fixture
def log(capfd: pytest.CaptureFixture[str]) -> Log:
    """Return what the services in this process write."""
    return Log(capfd)


@pytest.fixture
def person(pair: Pair) -> Person:
    """Return somebody newly registered."""
    return register(pair)


@pytest.fixture
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

"""Clients of the pair, in this process and over the network, and of the command `bookstore`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.api import new_session
from tests.pair import Pair
from tests.people import PASSWORD, new_name
from tests.programs import ROOT
from tests.served import ServedPair

sys.path.insert(0, str(ROOT / "client"))  # it is installed apart from the services

from bookstore_client import Bookstore, FileStore
from bookstore_client.cli import bookstore as command


class Shell:
    """Runs the command as somebody's, with a folder as their home."""

    def __init__(self, pair: ServedPair, home: Path) -> None:
        self.home = home
        self.environment = {
            "BOOKSTORE_AUTH_URL": pair.url("auth"),
            "BOOKSTORE_BOOKS_URL": pair.url("books") + "/",
            "XDG_STATE_HOME": str(home),
            "NO_PROXY": "*",
        }

    def run(self, *words: str, typed: str = "", code: int = 0) -> str:
        """Run `bookstore` with these words; return what it printed, or complained of."""
        done = CliRunner(env=self.environment).invoke(command, words, input=typed)
        assert done.exit_code == code, done.output
        return done.stderr if code else done.stdout

    def json(self, *words: str) -> list[dict[str, object]]:
        """Run `bookstore` with these words and `--json`; return the lines that it printed."""
        return [json.loads(line) for line in self.run(*words, "--json").splitlines()]


@pytest.fixture(scope="session")
def pair(pairs: Callable[[str], Pair]) -> Pair:
    """Both services; which database they have is nothing to a client."""
    return pairs("sqlite")


@pytest.fixture(scope="session")
def served_pair(served_pairs: Callable[[str], ServedPair]) -> ServedPair:
    return served_pairs("sqlite")


@pytest.fixture
def client_of(pair: Pair) -> Callable[..., Bookstore]:
    """Return what makes a client without tokens."""

    def make(store: FileStore | None = None) -> Bookstore:
        return Bookstore(pair.url("auth"), pair.url("books"), store=store, connect=new_session)

    return make


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "tokens" / "session.json")


@pytest.fixture
def bookstore(client_of: Callable[..., Bookstore], store: FileStore) -> Bookstore:
    """Return the client of somebody new."""
    return client_of(store).register(new_name(), PASSWORD)


@pytest.fixture
def shell(served_pair: ServedPair, tmp_path: Path) -> Shell:
    return Shell(served_pair, tmp_path)


@pytest.fixture
def user(shell: Shell) -> Shell:
    """Return the shell of somebody who is logged in."""
    shell.run("register", new_name(), typed=f"{PASSWORD}\n")
    return shell

"""Clients of the pair, in this process and over the network."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api import new_session
from tests.pair import Pair
from tests.people import PASSWORD, new_name
from tests.programs import ROOT
from tests.served import ServedPair

sys.path.insert(0, str(ROOT / "client"))  # it is installed apart from the services

from bookstore_client import Bookstore, FileStore

from tests.client.shell import Shell


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

"""Gives the tests PostgreSQL: one server that all of them share, and servers of a test's own to be broken.

The shared server starts when a test first asks for it, in whatever process that test runs, and ends with the
test run, however that ends (short of a kill).
"""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.postgres_server import PostgresServer, lock

SHARED = "BOOKSTORE_TEST_POSTGRES"  # the environment variable with the shared server's folder


@pytest.fixture(scope="session")
def postgres() -> PostgresServer:
    """Return the server that all tests share: make databases in it, and leave it as it is."""
    server = PostgresServer(Path(os.environ[SHARED]))
    with lock(server.folder / "starting"):
        if not server.is_running:
            server.start()
    return server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Return a running server of the test's own, to be stopped, killed or frozen."""
    with own_server() as server:
        yield server


@contextmanager
def own_server() -> Iterator[PostgresServer]:
    """Run a server for a `with` block; it may be stopped, killed or frozen."""
    server = PostgresServer(Path(mkdtemp(prefix="bookstore-postgres-")))
    try:
        server.start()
        yield server
    finally:
        remove(server)


def pytest_configure(config: pytest.Config) -> None:
    """Name the shared server's folder, for this process and for those that xdist starts."""
    if not hasattr(config, "workerinput"):
        os.environ[SHARED] = mkdtemp(prefix="bookstore-postgres-")
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # TERM then tidies up as Ctrl-C does


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the shared server with the test run."""
    if not hasattr(config, "workerinput"):
        remove(PostgresServer(Path(os.environ.pop(SHARED))))


def remove(server: PostgresServer) -> None:
    """End a server, if it runs, and remove its files."""
    server.kill()
    shutil.rmtree(server.folder)

"""Whatever makes a SQLite database or a journal makes it for its owner alone."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from auth_service.models import db
from tests.pair import Pair, invoke


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Let new files be readable by everybody unless their maker says otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.db*")}


def test_a_service_that_comes_before_the_migration_makes_it_private_too(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    invoke("auth", "keys", "init", environment=pair.environment)
    with pair.start("auth"), pair.apps["auth"].test_client() as client:
        assert client.get("/readyz").status_code == 503
        before = modes(tmp_path)
        invoke("auth", "db", "upgrade", environment=pair.environment)
        client.post("/register", json={"name": "Ann", "password": "the moon is made of paper"})
        after = modes(tmp_path)

    assert before == {"auth.db": 0o600}
    assert after.keys() >= {"auth.db", "auth.db-wal", "auth.db-shm"}
    assert set(after.values()) == {0o600}


def test_a_migration_makes_them_private_and_a_new_connection_keeps_the_locks(
    tmp_path: Path,
) -> None:
    look = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT 1 FROM users').fetchone()"
    journal = tmp_path / "auth.db-wal"
    with ExitStack() as held:
        pair = held.enter_context(Pair(tmp_path).prepare())
        assert modes(tmp_path) == {"auth.db": 0o600, "books.db": 0o600}
        held.enter_context(pair.start("auth").apps["auth"].app_context())
        for _ in range(2):
            held.enter_context(db.read()).execute(text("SELECT 1 FROM users"))
        before = journal.stat().st_ino
        subprocess.run([sys.executable, "-c", look, str(tmp_path / "auth.db")], check=True)

        # Whoever believes to be the last to close the database takes its journal away.
        assert journal.stat().st_ino == before

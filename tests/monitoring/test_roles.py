"""What the role of Prometheus's exporter may see and do, in a PostgreSQL of the test's own."""

import os
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from tests.cases import every
from tests.postgres import own_server
from tests.postgres_programs import find_programs
from tests.postgres_server import PostgresServer
from tests.programs import ROOT
from tests.waiting import wait_until

PASSWORD = "a-secret-password"
FILES = ["metrics_role.sql", "roles.sql"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with own_server() as server:
        for file in FILES:
            with run(server, file) as process:
                assert process.wait() == 0
        yield server


def run(server: PostgresServer, file: str) -> subprocess.Popen[bytes]:
    """Start psql with one of the files, as docker-compose.yml does."""
    (server.folder / "password").write_text(PASSWORD)
    command = [str(find_programs() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    command += ["--set=service=books", f"--file={ROOT / 'deploy/postgres' / file}", server.url()]
    environment = os.environ | {"PASSWORD_FILE": str(server.folder / "password")}
    return subprocess.Popen(command, env=environment)


def as_metrics(server: PostgresServer) -> psycopg.Connection:
    return psycopg.connect(server.url(), user="metrics")


@every("file", FILES)
def test_the_role_sees_no_password_while_it_is_set(server: PostgresServer, file: str) -> None:
    with psycopg.connect(server.url()) as locker, as_metrics(server) as watcher:
        watcher.autocommit = True
        locker.execute("LOCK TABLE pg_authid IN SHARE MODE")
        with run(server, file) as process:
            waiting = "SELECT FROM pg_locks WHERE NOT granted"
            wait_until(lambda: watcher.execute(waiting).fetchone() is not None, "no role is altered")
            seen = watcher.execute("SELECT query FROM pg_stat_activity WHERE query <> ''").fetchall()
            locker.rollback()

    assert process.returncode == 0
    assert "LOCK TABLE" in str(seen)
    assert PASSWORD not in str(seen)


def test_the_role_can_take_no_more_than_some_connections_and_make_no_large_objects(
    server: PostgresServer,
) -> None:
    with as_metrics(server) as connection:
        limit = connection.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'metrics'").fetchone()
    assert limit == (5,)
    for call in ("lo_creat(-1)", "lo_create(0)", "lo_from_bytea(0, '')"):
        with as_metrics(server) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT {call}".encode())

"""A PostgreSQL server for a measurement, from this machine's programs, in a folder that goes with it."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import psycopg

DEBIAN = Path("/usr/lib/postgresql")  # a folder a version, not in PATH
USER = "bookstore"  # the superuser of the databases
ORDINARY_USER = "nobody"  # runs the server in place of root, whom it refuses
OPTIONS = "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c port={port}"


class Postgres:
    """A running server; leaving the context stops and removes it."""

    def __init__(self) -> None:
        self._port = free_port()
        self._folder = TemporaryDirectory(prefix="bookstore-postgres-")
        self._data = Path(self._folder.name) / "data"
        self._user = pwd.getpwnam(ORDINARY_USER) if os.geteuid() == 0 else None
        if self._user:
            os.chown(self._folder.name, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-locale")
        options = OPTIONS.format(port=self._port)
        self._run("pg_ctl", "start", "--wait", f"--log={self._folder.name}/log", f"--options={options}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate")
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"bench_{secrets.token_hex(4)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self._port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [find(program), f"--pgdata={self._data}", *arguments],
            cwd=self._folder.name,
            user=self._user and self._user.pw_uid,
            group=self._user and self._user.pw_gid,
            extra_groups=self._user and [],
            stdout=subprocess.DEVNULL,
            check=True,
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def find(program: str) -> str:
    """Return the path of one of PostgreSQL's programs: from PATH, or Debian's newest."""
    found = sorted(DEBIAN.glob(f"*/bin/{program}"), key=lambda path: int(path.parts[-3]))
    path = shutil.which(program) or (str(found[-1]) if found else None)
    if path is None:
        raise SystemExit("PostgreSQL is missing: install it (on Debian the package postgresql)")
    return path

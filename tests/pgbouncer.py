"""PgBouncer in front of a PostgreSQL server of the tests, with the settings that the containers have."""

import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from tests.debian import require
from tests.ports import free_port, is_open
from tests.postgres_programs import hand_over, ordinary_user
from tests.postgres_server import USER, PostgresServer
from tests.programs import ROOT
from tests.waiting import wait_until

# As few as will do: a session is a client's to its end, or one for whoever asks next.
CONNECTIONS = {"session": 40, "transaction": 4}


class PgBouncer:
    """A PgBouncer with its files in `folder`, on one port however often it is started."""

    def __init__(self, postgres: PostgresServer, mode: str, folder: Path) -> None:
        (self._program,) = require(["pgbouncer"], "pgbouncer", folders="usr/sbin")
        self._port, self._file = free_port(), folder / "pgbouncer.ini"
        with self._file.open("w") as file:
            settings(postgres, mode, self._port).write(file)
        hand_over(folder)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        command = [self._program, self._file]
        with self._file.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **ordinary_user())
        wait_until(lambda: is_open(self._port), "PgBouncer does not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self._port}/{database}"


def settings(postgres: PostgresServer, mode: str, port: int) -> ConfigParser:
    """Return the settings that the containers have, for a server and clients without passwords."""
    chosen = ConfigParser()
    chosen.read(ROOT / "deploy/pgbouncer/pgbouncer.ini")
    chosen["databases"]["*"] = f"host=127.0.0.1 port={urlsplit(postgres.url()).port} user={USER}"
    listening = {"listen_addr": "127.0.0.1", "listen_port": str(port), "unix_socket_dir": ""}
    size = str(CONNECTIONS[mode])
    chosen["pgbouncer"].update(
        listening, auth_type="any", auth_file="", pool_mode=mode, default_pool_size=size
    )
    return chosen


@contextmanager
def pgbouncer(postgres: PostgresServer, mode: str = "transaction") -> Iterator[PgBouncer]:
    """Run a PgBouncer in this mode for a `with` block."""
    with TemporaryDirectory(prefix="bookstore-pgbouncer-") as folder:
        pooler = PgBouncer(postgres, mode, Path(folder))
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.kill()

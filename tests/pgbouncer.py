"""PgBouncer in front of the PostgreSQL server of the tests."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from tests.debian import NotInstalled, install
from tests.ports import free_port, is_open
from tests.postgres_programs import NoPostgres, hand_over, ordinary_user
from tests.postgres_server import USER, PostgresServer
from tests.waiting import wait_until

CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {connections}
"""
# As few as will do: a session is a client's to its end, or one for whoever asks next.
CONNECTIONS = {"session": 40, "transaction": 4}


@contextmanager
def pgbouncer(postgres: PostgresServer, mode: str) -> Iterator[str]:
    """Yield the URL of a PgBouncer in this mode, to which the name of a database is added."""
    program, port = find_pgbouncer(), free_port()
    settings = {"server": urlsplit(postgres.url()).port, "user": USER, "port": port, "mode": mode}
    with TemporaryDirectory(prefix="bookstore-pgbouncer-") as folder:
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(**settings, connections=CONNECTIONS[mode]))
        hand_over(Path(folder))
        with (
            file.with_suffix(".log").open("wb") as log,
            subprocess.Popen([program, file], stdout=log, stderr=log, **ordinary_user()) as process,
        ):
            try:
                wait_until(lambda: is_open(port), "PgBouncer does not start")
                yield f"postgresql://{USER}@127.0.0.1:{port}"
            finally:
                process.kill()


def find_pgbouncer() -> str:
    """Return where the program is, which root installs if it is missing."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if not shutil.which("pgbouncer", path=path):
        try:
            install("pgbouncer")
        except NotInstalled as error:
            raise NoPostgres(f"PgBouncer is {error}") from error
    return shutil.which("pgbouncer", path=path) or "pgbouncer"

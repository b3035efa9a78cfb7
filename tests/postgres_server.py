"""Owns a PostgreSQL server of the tests, on a free port of 127.0.0.1 and in a folder of its own."""

import fcntl
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from tests.ports import free_port
from tests.postgres_programs import hand_over, has_icu, run_program
from tests.waiting import wait_until

USER = "bookstore"  # the superuser of the database
# A linguistic order, unlike Python's: what forgets to say COLLATE "C" is found out.
COLLATION = ["--locale-provider=icu", "--icu-locale=en-US"]
CONFIGURATION = """
port = {port}
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = '32MB'
fsync = on  # the tests kill what writes, and then look for what was promised
"""


class PostgresServer:
    """A server with its files in `folder`; several objects, in several processes, may stand for one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data = folder / "data"

    def start(self) -> None:
        """Start the server, on the same port as before, and return when it answers."""
        if not self._data.exists():
            self._initialize()
        run_program(
            "pg_ctl", f"--pgdata={self._data}", "start", f"--log={self.folder / 'log'}", cwd=self.folder
        )

    def stop(self) -> None:
        """Stop at once: connections break, as with a crash, and what was committed stays."""
        self.thaw()
        run_program("pg_ctl", f"--pgdata={self._data}", "stop", "--mode=immediate", cwd=self.folder)

    def kill(self) -> None:
        """Kill every process of the server."""
        processes = self._processes()
        _signal(processes, signal.SIGKILL)
        wait_until(lambda: not any(map(_runs, processes)), "PostgreSQL cannot be killed")
        # Its ids live on where nobody collects the dead, and would keep the next server from starting.
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let the server answer nobody, while every connection stays open and new ones are taken."""
        _signal(self._processes(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server go on after `freeze`."""
        _signal(self._processes(), signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        """Tell whether the server is there, frozen or not."""
        return bool(self._processes())

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, for SQLAlchemy and libpq alike."""
        return f"postgresql://{USER}@127.0.0.1:{(self.folder / 'port').read_text()}/{database}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, a copy of `template` (to which nobody may be connected), and return its URL."""
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url(name)

    def template(self, name: str, prepare: Callable[[str], object]) -> str:
        """Return the name of a database that `prepare(url)` filled, once for all processes."""
        with lock(self.folder / "templates"):
            if not self._has_database(name):
                unfinished = f"{name}_{secrets.token_hex(4)}"
                prepare(self.create_database(unfinished))
                self._execute("ALTER DATABASE {} RENAME TO {}", unfinished, name)
        return name

    def _initialize(self) -> None:
        hand_over(self.folder)
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-locale", "--no-sync"]
        collation = COLLATION if has_icu() else []
        run_program("initdb", f"--pgdata={self._data}", *options, *collation, cwd=self.folder)
        port = free_port()
        (self.folder / "port").write_text(str(port))
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(CONFIGURATION.format(port=port))

    def _processes(self) -> list[psutil.Process]:
        """Return the server and what it forked, or nothing; the id in its file may be another's by now."""
        with suppress(OSError, IndexError, psutil.NoSuchProcess):
            server = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
            if str(self._data) in " ".join(server.cmdline()):
                return [server, *server.children(recursive=True)]
        return []

    def _has_database(self, name: str) -> bool:
        with psycopg.connect(self.url()) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            return found.fetchone() is not None

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keep other processes out."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False

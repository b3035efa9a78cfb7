"""Both services of a checkout as they run for real, on free ports and data that goes with them."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import requests

from benchmarks.postgres import Postgres, free_port

ROOT = Path(__file__).parents[1]
SERVICES = ("auth", "books")
FOLLOWER = "follower"
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
CORES = len(os.sched_getaffinity(0))
START_WAIT = 60  # seconds


class Services:
    """The services of `checkout`, in its own virtual environment; leaving the context stops them."""

    def __init__(
        self,
        folder: Path,
        *,
        checkout: Path = ROOT,
        server: str = "gunicorn",  # or granian
        workers: int = CORES,
        databases: Mapping[str, str] | None = None,  # URLs by service; left out: SQLite
        **settings: str,
    ) -> None:
        self.folder = folder
        self.server = server
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.database_urls = dict(databases or {name: f"sqlite:///{folder}/{name}.db" for name in SERVICES})
        self._checkout = checkout
        self._ports = {service: free_port() for service in SERVICES}
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHON_DOTENV_DISABLED": "1",
            "DATA_DIR": str(folder),
            "PROMETHEUS_MULTIPROC_DIR": str(folder),
            "SERVER": server,
            "WEB_CONCURRENCY": str(workers),
            "REGISTRATIONS_PER_HOUR": "0",  # all come from one address
            **{f"{name.upper()}_DATABASE_URL": url for name, url in self.database_urls.items()},
            **{f"{name.upper()}_PORT": str(port) for name, port in self._ports.items()},
            **{f"{name.upper()}_METRICS_PORT": str(free_port()) for name in SERVICES},
            **settings,
        }

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._ports[service]}"

    def pid(self, service: str) -> int:
        """Return the root of a service's tree of processes."""
        return self.processes[service].pid

    def flask(self, service: str, *words: str) -> None:
        """Run a command of an operator."""
        command = [self._python, "-m", "flask", "--app", f"{service}_service", *words]
        subprocess.run(
            command, cwd=self._checkout, env=self._environment, check=True, stdout=subprocess.DEVNULL
        )

    def prepare(self) -> Self:
        """Migrate both databases and make the keys."""
        for service in SERVICES:
            self.flask(service, "db", "upgrade")
        self.flask("auth", "keys", "init")
        return self

    def start(self, *names: str) -> Self:
        """Start both services, or what is named, and return when they are ready."""
        for name in names or SERVICES:
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [self._python, "-m", *self._words(name)],
                    cwd=self._checkout,
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                )
        for name in names or SERVICES:
            if name != FOLLOWER:
                self._wait(name)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGINT)  # without waiting for idle connections
        for process in self.processes.values():
            process.wait(timeout=60)

    @property
    def _python(self) -> str:
        return str(self._checkout / ".venv/bin/python")

    def _words(self, name: str) -> list[str]:
        if name == FOLLOWER:
            return ["flask", "--app", "books_service", "follow"]
        if self.server == "granian":
            return ["common.server", f"{name}_service"]
        return ["gunicorn", "--config", f"{name}_service/gunicorn_conf.py", f"{name}_service:create_app()"]

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + START_WAIT
        while self.processes[name].poll() is None and time.monotonic() < deadline:
            with suppress(requests.ConnectionError):
                requests.get(f"{self.url(name)}/readyz", timeout=5).raise_for_status()
                return
            time.sleep(0.1)
        raise SystemExit(f"{name} does not start:\n{(self.folder / f'{name}.log').read_text()}")


@contextmanager
def postgres_if(database: str) -> Iterator[Postgres | None]:
    """Start a PostgreSQL server if `database` asks for it."""
    with ExitStack() as stack:
        yield stack.enter_context(Postgres()) if database == "postgresql" else None


@contextmanager
def running(
    postgres: Postgres | None,
    *,
    checkout: Path = ROOT,
    server: str = "gunicorn",
    workers: int = CORES,
    **settings: str,
) -> Iterator[Services]:
    """Start both services on databases of their own; TERM tidies up as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with TemporaryDirectory(prefix="bookstore-bench-") as folder:
        databases = {name: postgres.create_database() for name in SERVICES} if postgres else None
        with Services(
            Path(folder), checkout=checkout, server=server, workers=workers, databases=databases, **settings
        ) as services:
            yield services.prepare().start()

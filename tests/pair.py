"""Both services as they run for real: a server over loopback, on free ports and a folder of their own."""

import itertools
import os
import random
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from typing import Self

import psutil
import requests

from tests import programs
from tests.programs import Program, start_cold
from tests.waiting import wait_until

SERVICES = ("auth", "books")
SERVERS = ("gunicorn", "granian")
FOLLOWER = "follower"  # of books, started if it is named


def _some_ports() -> Iterator[int]:
    """Yield ports of this process's own, over and over: below those that a system gives to connections."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 11
    first = 10_000 + 2_000 * number
    start = random.randrange(2_000)
    return itertools.cycle(first + (start + step) % 2_000 for step in range(2_000))


_ports = _some_ports()


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    for port in _ports:
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is always another port")


def is_open(port: int) -> bool:
    """Return whether somebody new is let in."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
        return True
    return False


def listens(process: psutil.Process, port: int) -> bool:
    """Return whether the process is there and listens on the port."""
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    return (port, psutil.CONN_LISTEN) in {(each.laddr[1], each.status) for each in connections}


def run_flask(service: str, *words: str, environment: Mapping[str, str], typed: str = "") -> str:
    """Run a `flask` command of a service and return what it printed; fail with what it complained of."""
    words = ("flask", "--app", f"{service}_service", *words)
    done = programs.run(*words, environment=environment, typed=typed)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Pair:
    """The two services. The databases are SQLite files in `folder`, unless URLs are given by service."""

    def __init__(
        self,
        folder: Path,
        *,
        databases: Mapping[str, str] | None = None,
        cold: bool = False,  # to be started from nothing
        **settings: str,
    ) -> None:
        self.folder = folder
        self.ports = {service: free_port() for service in SERVICES}
        self.metrics_ports = {service: free_port() for service in SERVICES}
        self.environment = {
            "PATH": os.environ["PATH"],
            "FLASK_SKIP_DOTENV": "1",  # the settings of whoever works here are not the tests'
            "DATA_DIR": str(folder),
            "WEB_CONCURRENCY": "2",
            "REGISTRATIONS_PER_HOUR": "0",  # all people of the tests come from one address
            **{f"{service.upper()}_PORT": str(port) for service, port in self.ports.items()},
            **{f"{service.upper()}_METRICS_PORT": str(port) for service, port in self.metrics_ports.items()},
            **{f"{service.upper()}_DATABASE_URL": url for service, url in (databases or {}).items()},
            **settings,
        }
        self.processes: dict[str, Program | Popen[bytes]] = {}
        self._cold = cold

    def url(self, service: str) -> str:
        host = self.environment.get("HOST", "127.0.0.1")
        return f"http://{f'[{host}]' if ':' in host else host}:{self.ports[service]}"

    def log(self, service: str) -> Path:
        """Return the file that holds what the service wrote to standard output and error."""
        return self.folder / f"{service}.log"

    def prepare(self) -> Self:
        """Make the keys and migrate both databases."""
        run_flask("auth", "keys", "init", environment=self.environment)
        for service in SERVICES:
            run_flask(service, "db", "upgrade", environment=self.environment)
        return self

    def start(self, *services: str) -> Self:
        """Start the services (both, if none is named) and wait until they answer."""
        for service in services or SERVICES:
            self.processes[service] = self._spawn(service)
        for service in services or SERVICES:
            if service != FOLLOWER:  # which nobody can ask
                self._wait(service)
        return self

    def stop(self, *services: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Send the services a signal and wait for their end."""
        chosen = [self.processes.pop(service) for service in services or tuple(self.processes)]
        for process in chosen:
            process.send_signal(number)
        for process in chosen:
            process.wait(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(number=signal.SIGINT)  # without waiting for idle connections

    def _spawn(self, service: str) -> Program | Popen[bytes]:
        words = ["gunicorn", "-c", f"{service}_service/gunicorn_conf.py", f"{service}_service:create_app()"]
        if self.environment.get("SERVER") == "granian":
            words = ["common.server", f"{service}_service"]
        if service == FOLLOWER:
            words = ["flask", "--app", "books_service", "follow"]
        # The metrics go where everything else is, so that they go with it even after a kill.
        environment = self.environment | {"PROMETHEUS_MULTIPROC_DIR": str(self.folder)}
        start = start_cold if self._cold else Program
        return start(*words, environment=environment, output=self.log(service))

    def _wait(self, service: str) -> None:
        def is_healthy() -> bool:
            assert self.processes[service].poll() is None, self.log(service).read_text()
            with suppress(requests.ConnectionError):
                return requests.get(self.url(service) + "/healthz", timeout=5).ok
            return False

        wait_until(is_healthy, f"{service} does not start")

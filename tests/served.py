"""Both services as they run for real: a server over loopback, on free ports and a folder of their own."""

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
import requests

from tests import api, programs
from tests.pair import KINDS, SERVICES, Pair
from tests.ports import free_port
from tests.programs import Program
from tests.waiting import wait_until

FOLLOWER = "follower"  # of books, started if it is named; another may have a longer name


class ServedPair(Pair):
    """The two services, each a program with workers of its own."""

    def __init__(self, folder: Path, *, services: Sequence[str] = SERVICES, **settings: Any) -> None:
        self.ports = {service: free_port() for service in services}
        self.metrics_ports = {service: free_port() for service in services}
        listening = {
            **{f"{service.upper()}_PORT": str(port) for service, port in self.ports.items()},
            **{f"{service.upper()}_METRICS_PORT": str(port) for service, port in self.metrics_ports.items()},
        }
        super().__init__(folder, services=services, **(listening | settings))
        self.processes: dict[str, Program] = {}

    def host(self, service: str) -> str:
        host = self.environment.get("HOST", "127.0.0.1")
        return f"{f'[{host}]' if ':' in host else host}:{self.ports[service]}"

    def has_logged(self, event: str, service: str = FOLLOWER) -> bool:
        return event in self.log(service).read_text()

    def log(self, service: str) -> Path:
        """Return the file that holds what the service wrote to standard output and error."""
        return self.folder / f"{service}.log"

    def run(self, service: str, *words: str) -> str:
        done = programs.run("flask", "--app", f"{service}_service", *words, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self, *services: str) -> Self:
        """Start the services (all, if none is named) and wait until they answer."""
        for service in services or self.services:
            self.processes[service] = self._spawn(service)
        for service in services or self.services:
            if not service.startswith(FOLLOWER):  # which nobody can ask
                self._wait(service)
        return self

    def stop(self, *services: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Send the services a signal and wait for their end."""
        chosen = [self.processes.pop(service) for service in services or tuple(self.processes)]
        for process in chosen:
            process.send_signal(number)
        for process in chosen:
            process.wait(timeout=60)

    def __exit__(self, *_: object) -> None:
        self.stop(number=signal.SIGINT)  # without waiting for idle connections

    def _spawn(self, service: str) -> Program:
        # The metrics go where everything else is, so that they go with it even after a kill.
        environment = self.environment | {"PROMETHEUS_MULTIPROC_DIR": str(self.folder)}
        words = ["gunicorn", "-c", f"{service}_service/gunicorn_conf.py", f"{service}_service:create_app()"]
        if self.environment.get("SERVER") == "granian":
            words = ["common.server", f"{service}_service"]
        if service.startswith(FOLLOWER):
            words, environment = ["flask", "--app", "books_service", "follow"], self.environment
        return Program(*words, environment=environment, output=self.log(service))

    def _wait(self, service: str) -> None:
        def is_healthy() -> bool:
            assert self.processes[service].poll() is None, self.log(service).read_text()
            with suppress(requests.ConnectionError):
                return api.get(self.url(service) + "/healthz", timeout=5).ok
            return False

        wait_until(is_healthy, f"{service} does not start")


@pytest.fixture(scope="session", params=KINDS)
def pair(request: pytest.FixtureRequest, served_pairs: Callable[[str], ServedPair]) -> ServedPair:
    """Both services as programs; a module that imports this has it in place of those in the process."""
    return served_pairs(request.param)

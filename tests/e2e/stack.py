"""Owns a compose project of a test's own: the whole stack from a fresh clone, in real containers."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, cast

import requests

from tests import api
from tests.pair import SERVICES, Pair
from tests.people import Person, register
from tests.ports import free_port
from tests.programs import ROOT
from tests.waiting import wait_until

LABEL = "com.docker.compose"
UP = 300  # seconds for a stack to be healthy, on a busy machine
POLL = 0.5  # seconds between two looks at containers, each of which starts programs
BUILT = ("common", *(f"{service}_service" for service in SERVICES), "services.toml")


def clean_environment() -> dict[str, str]:
    """Return what docker needs of this process's environment, so that nobody's settings get in."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME") or name.startswith("DOCKER_")
    }


def docker(*words: str) -> str:
    """Run a `docker` command and return what it printed; fail with what it complained of."""
    done = subprocess.run(
        ["docker", *words], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def inspect(kind: str, *names: str) -> list[dict[str, Any]]:
    """Return all that the engine knows of things of a kind: container, image."""
    found: list[dict[str, Any]] = json.loads(docker(kind, "inspect", *names)) if names else []
    return found


def is_healthy(state: Mapping[str, Any]) -> bool:
    """Tell whether a container runs and is healthy, or has no health check."""
    return bool(state["Running"]) and state.get("Health", {}).get("Status", "healthy") == "healthy"


def service_of(container: Mapping[str, Any]) -> str:
    return str(container["Config"]["Labels"][f"{LABEL}.service"])


def clone(folder: Path) -> Path:
    """Copy into `folder` what a clone of this repository would have, and return it."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():  # or else it is removed, but not yet committed so
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def hide_code(folder: Path) -> None:
    """Let nobody but its owner read what the images are made of: they run as somebody else."""
    for name in BUILT:
        for path in (folder / name, *(folder / name).rglob("*")):
            path.chmod(path.stat().st_mode & 0o700)


def quicken(path: Path, *changes: tuple[str, str]) -> None:
    """Change times in a file, by regular expressions and what is in their place."""
    text = path.read_text()
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text)
        assert count, pattern
    path.write_text(text)


class Stack:
    """The stack of the compose file in `folder`, on free ports; `settings` are its environment."""

    def __init__(self, folder: Path, **settings: str) -> None:
        hide_code(folder)
        quicken(
            folder / "docker-compose.yml", (r"(/8080 .*\n *interval: )3s", r"\g<1>1s")
        )  # nginx comes last
        self.folder = folder
        self.project = f"bookstore-test-{secrets.token_hex(4)}"
        self.ports = {name: free_port() for name in ("page", *SERVICES)}
        self.environment = {
            **clean_environment(),
            "COMPOSE_PROJECT_NAME": self.project,
            **{f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
            "REGISTRATIONS_PER_HOUR": "0",  # all people of the tests come from one address
            **settings,
        }

    def url(self, name: str) -> str:
        """Return the address of a service, or of the page."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def register(self, name: str | None = None) -> Person:
        """Register somebody; all that a person needs of a pair is its URLs."""
        return register(cast(Pair, self), name)

    def attempt(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a `docker compose` command with settings of its own, however it ends."""
        return subprocess.run(
            ["docker", "compose", "--ansi=never", *words],
            cwd=self.folder,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    def compose(self, *words: str, **settings: str) -> str:
        """Run a `docker compose` command and return what it printed; fail with what it complained of."""
        done = self.attempt(*words, **settings)
        assert done.returncode == 0, f"docker compose {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def up(self, *arguments: str, **settings: str) -> Self:
        """Start it all, as with `--scale books=3`, and wait until it is healthy; missing images are built."""
        done = self.attempt("up", "--detach", "--wait", f"--wait-timeout={UP}", *arguments, **settings)
        assert done.returncode == 0, f"{done.stderr}\n{self.logs()}"
        return self

    def down(self) -> None:
        """Remove it all with its data."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout=5")

    def run(self, service: str, *command: str, **settings: str) -> str:
        """Run a service once, with a command of its own if one is given, and return what it printed."""
        return self.compose("run", "--rm", "--no-deps", "-T", service, *command, **settings)

    def execute(self, service: str, *command: str) -> str:
        """Run a command in the running container of a service and return what it printed."""
        return self.compose("exec", "-T", service, *command)

    def sql(self, database: str, query: str) -> str:
        """Run a query as the database's administrator and return the bare values."""
        return self.execute("db", "psql", "--username=postgres", "-Atc", query, database)

    def containers(self, *services: str, ended: bool = False) -> list[dict[str, Any]]:
        """Return what the engine knows of the containers of services, or of all; `ended` too if asked.

        Those of `docker compose run` are not among them.
        """
        mine = [f"--filter=label={LABEL}.project={self.project}", f"--filter=label={LABEL}.oneoff=False"]
        listed = docker("ps", "--quiet", *mine, *(["--all"] if ended else []))
        found = inspect("container", *listed.split())
        return [each for each in found if not services or service_of(each) in services]

    def container(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of the one container of a service."""
        (found,) = self.containers(service, ended=True)
        return found

    def main_process(self, service: str) -> int:
        """Return the process of this machine that is the first in the one container of a service."""
        return int(self.container(service)["State"]["Pid"])

    def logs(self, *services: str, tail: str = "all") -> str:
        """Return what services, or all, have logged, or so many of the last lines of each container."""
        return self.attempt("logs", "--no-color", f"--tail={tail}", *services).stdout

    def wait_healthy(self, *services: str) -> None:
        """Wait until each container of these services, or of all that go on running, is healthy."""
        wait_until(lambda: self._unhealthy(*services) == [], "not all containers are healthy", poll=POLL)

    def _unhealthy(self, *services: str) -> list[str]:
        found = self.containers(*services, ended=True)
        running = [each for each in found if each["HostConfig"]["RestartPolicy"]["Name"] != "no"]
        return [each["Name"] for each in running if not is_healthy(each["State"])]

    def is_ready(self, service: str) -> bool:
        """Tell whether a service can be asked from outside and says that it is ready."""
        try:
            return api.get(self.url(service) + "/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def left_behind(self) -> list[str]:
        """Return the containers, volumes and networks of the project that are there."""
        mine = f"--filter=label={LABEL}.project={self.project}"
        listings = (["ps", "--all"], ["volume", "ls"], ["network", "ls"])
        return [line for listing in listings for line in docker(*listing, "--quiet", mine).split()]

    def start_script(self, *words: str) -> subprocess.Popen[str]:
        """Start a script of deploy/, as make does, in a group of its own, which `interrupt` reaches."""
        return subprocess.Popen(
            ["env", "--default-signal=INT", f"deploy/{words[0]}", *words[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run_script(self, *words: str) -> tuple[int, str]:
        """Run a script to its end; return its status and what it printed."""
        return end_of(self.start_script(*words))


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate()
    return process.returncode, output


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Do what Ctrl-C in a terminal does: it reaches all that the process has started, too."""
    os.killpg(process.pid, signal.SIGINT)
    return end_of(process)

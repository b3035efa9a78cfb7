"""Prints the sizes of the images, and the time from `docker compose up` to healthy: `make bench-compose`.

The images are built before the clock runs. It is a project of its own on free ports, and leaves no data.
"""

import json
import os
import subprocess
import sys
import time
from typing import Self

from benchmarks.postgres import free_port
from benchmarks.services import ROOT, SERVICES

MIB = 1024 * 1024  # bytes
REPLICAS = {"auth": 2, "books": 3}


class Compose:
    """A project on free ports; leaving the context removes it and its data."""

    def __init__(self, project: str, **settings: str) -> None:
        self._command = ["docker", "compose", "--project-name", project]
        self._ports = {name: free_port() for name in ("page", *SERVICES)}
        ports = {f"{name.upper()}_PORT": str(port) for name, port in self._ports.items()}
        self._environment = os.environ | ports | settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.run("down", "--volumes")

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._ports[service]}"

    def run(self, *words: str) -> str:
        """Run a command and return what it printed; fail with what it complained of."""
        done = subprocess.run(
            [*self._command, *words],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return done.stdout

    def scale(self, replicas: int) -> None:
        """Let both services, which run, have so many containers."""
        sizes = [word for service in SERVICES for word in ("--scale", f"{service}={replicas}")]
        self.run("up", "--detach", "--wait", "--no-build", "--no-deps", "--no-recreate", *sizes, *SERVICES)

    def pids(self, *services: str) -> list[int]:
        """Return the first process of each container of the services."""
        ids = self.run("ps", "--quiet", *services).split()
        command = ["docker", "container", "inspect", "--format={{.State.Pid}}", *ids]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [int(line) for line in done.stdout.split()]

    def seconds_to_start(self) -> float:
        start = time.monotonic()
        self.run("up", "--detach", "--wait", "--no-build")
        return time.monotonic() - start


def main() -> int:
    """Build, start twice (with nothing, then with data), print, and remove what was made."""
    with Compose("bookstore-bench") as stack:
        stack.run("build", "--quiet")
        base = size(os.environ.get("PYTHON_IMAGE") or "python:3.13-slim-trixie")
        services = json.loads(stack.run("config", "--format", "json"))["services"]
        for service in SERVICES:
            whole = size(services[service]["image"])
            print(f"image of {service:5} {whole / MIB:6.1f} MiB, {(whole - base) / MIB:5.1f} above its base")
        print(f"first up to healthy  {stack.seconds_to_start():5.1f} s (keys, database and schemas are made)")
        stack.run("down")
        print(f"second up to healthy {stack.seconds_to_start():5.1f} s")
    return 0


def size(image: str) -> int:
    """Return the bytes of an image, with its base."""
    done = subprocess.run(["docker", "image", "inspect", image], capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout)[0]["Size"])


if __name__ == "__main__":
    sys.exit(main())

"""Prints the sizes of the images, and the time from `docker compose up` to healthy: `make bench-compose`.

The images are built before the clock runs. It is a project of its own on free ports, and leaves no data.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = "bookstore-bench"
MIB = 1024 * 1024  # bytes
SERVICES = {"auth": "bookstore-auth:latest", "books": "bookstore-books:latest"}


def main() -> int:
    """Build, start twice (with nothing, then with data), print, and remove what was made."""
    compose("build", "--quiet")
    try:
        base = size(os.environ.get("PYTHON_IMAGE") or "python:3.13-slim-trixie")
        for service, default in SERVICES.items():
            whole = size(os.environ.get(f"{service.upper()}_IMAGE") or default)
            print(f"image of {service:5} {whole / MIB:6.1f} MiB, {(whole - base) / MIB:5.1f} above its base")
        print(f"first up to healthy  {seconds_to_start():5.1f} s (keys, database and schemas are made)")
        compose("down")
        print(f"second up to healthy {seconds_to_start():5.1f} s")
    finally:
        compose("down", "--volumes")
    return 0


def size(image: str) -> int:
    """Return the bytes of an image, with its base."""
    done = subprocess.run(["docker", "image", "inspect", image], capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout)[0]["Size"])


def seconds_to_start() -> float:
    start = time.monotonic()
    compose("up", "--detach", "--wait", "--no-build")
    return time.monotonic() - start


def compose(*words: str) -> None:
    """Run a command of Docker Compose; fail with what it complained of."""
    command = ["docker", "compose", "--project-name", PROJECT, *words]
    environment = {**os.environ, "AUTH_PORT": str(PORTS[0]), "BOOKS_PORT": str(PORTS[1])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


PORTS = free_ports()

if __name__ == "__main__":
    sys.exit(main())

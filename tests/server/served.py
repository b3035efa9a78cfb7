"""Both servers as the services run them, and clients that speak to them byte by byte."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.pair import listens
from tests.programs import Program

PATIENCE = 8  # seconds for an answer
SERVERS = {
    "gunicorn": (
        "gunicorn",
        "-c",
        "tests/server/served_conf.py",
        "tests.server.served_app:create_app()",
    ),
    "granian": ("tests.server.served_granian",),
}

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED_HEAD = b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"5;a=b\r\nhello\r\n0\r\nX-Trailer: x\r\n\r\n"


@dataclass
class Server:
    """A running server with two workers of four threads."""

    name: str
    process: Program
    directory: Path
    host: str
    port: int
    metrics_port: int

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def send(self, data: bytes) -> socket.socket:
        sock = self.connect()
        sock.sendall(data)
        return sock

    def index(self) -> dict[str, object]:
        """Ask over a new connection who answers."""
        with self.send(GET) as sock:
            return dict(json.loads(reply(sock)[1]))

    def workers(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children())

    def is_complete(self) -> bool:
        """Return whether both workers listen."""
        return [listens(worker, self.port) for worker in self.workers()] == [True, True]

    def replaced(self, *before: psutil.Process) -> bool:
        """Return whether two workers listen, none of them one of `before`."""
        return self.is_complete() and not set(self.workers()) & set(before)

    def complaints(self) -> str:
        """Return what it wrote to standard error."""
        return complaints(self.directory)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)  # below gunicorn's 25, after which it kills


@contextmanager
def serving(directory: Path, name: str, **settings: object) -> Iterator[Server]:
    """Run a server that writes into `directory`, until the context ends."""
    host = str(settings.get("HOST", "127.0.0.1"))
    ports = {"AUTH_PORT": free_port(host), "AUTH_METRICS_PORT": free_port()}
    process = run(directory, name, **ports, **settings)
    server = Server(name, process, directory, host, *ports.values())
    try:
        wait_until(lambda: _answers(server))
        wait_until(server.is_complete)
        yield server
    finally:
        if process.poll() is None:
            for worker in server.workers():
                worker.resume()
            server.stop()


def run(directory: Path, name: str, **settings: object) -> Program:
    """Start a server and wait for nothing."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(directory),
        "AUTH_PORT": str(free_port()),
        "AUTH_METRICS_PORT": str(free_port()),
        "WEB_CONCURRENCY": "2",
        "THREADS": "4",
    } | {name: str(value) for name, value in settings.items()}
    output, errors = directory / "stdout", directory / "stderr"
    return Program(*SERVERS[name], environment=environment, output=output, errors=errors)


def complaints(directory: Path) -> str:
    """Return what the server of `directory` wrote to standard error."""
    return (directory / "stderr").read_text()


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def _answers(server: Server) -> bool:
    assert server.process.poll() is None, server.complaints()
    try:
        return bool(server.index())
    except OSError:
        return False


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def reply(sock: socket.socket) -> tuple[bytes, bytes]:
    """Read one answer with a length; return head and body, or raise ConnectionError if it is cut off."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += receive(sock)
    return head, body


def receive(sock: socket.socket) -> bytes:
    data = sock.recv(1)  # never into the next answer
    if not data:
        raise ConnectionError("closed within an answer")
    return data


def status(sock: socket.socket) -> int:
    return int(reply(sock)[0].split()[1])


def closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True

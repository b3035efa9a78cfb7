"""Clients that send a request byte by byte, or ask for much and do not read it."""

import json
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import urlsplit

from tests.people import Person, book
from tests.threads import Threads

SLOW = 100  # clients of each kind, on each port
PACE = 0.5  # seconds between two bytes of a slow client
TIMEOUT = 60  # seconds
WINDOW = 4096  # bytes that a slow reader takes unread
READS = {"auth": "/me", "books": "/books"}


@dataclass
class SlowClient:
    """A client that has sent some of its request and goes on byte by byte."""

    sock: socket.socket
    rest: bytes = b""

    def send(self, count: int | None = None) -> None:
        self.sock.sendall(self.rest[:count])
        self.rest = self.rest[len(self.rest[:count]) :]

    def status(self) -> int:
        with HTTPResponse(self.sock) as response:
            response.begin()
            response.read()
            return response.status


def finish(client: SlowClient) -> int:
    """Send what is left, and return the status of the answer once all of it was read."""
    client.send()
    return client.status()


@contextmanager
def held(
    person: Person, service: str, requests: Iterable[tuple[bytes, bytes]], window: int = 0
) -> Iterator[list[SlowClient]]:
    """Begin requests, each with what is sent at once and the rest; of answers take `window` bytes unread."""
    with ExitStack() as stack:
        clients = []
        for begun, rest in requests:
            sock = stack.enter_context(socket.socket())
            sock.settimeout(TIMEOUT)
            if window:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            sock.connect(("127.0.0.1", urlsplit(person.pair.url(service)).port))
            sock.sendall(begun)
            clients.append(SlowClient(sock, rest))
        yield clients


@contextmanager
def slow_readers(reader: Person, service: str, paths: Sequence[str]) -> Iterator[list[SlowClient]]:
    """Ask for these, and read next to nothing."""
    head = f"HTTP/1.1\r\nHost: x\r\nx-access-tokens: {reader.token}\r\n\r\n"
    requests = [(f"GET {path} {head}".encode(), b"") for path in paths]
    with held(reader, service, requests, WINDOW) as clients:
        for client in clients:  # its answer begins before anybody is asked for something else
            client.sock.recv(1, socket.MSG_PEEK)
        yield clients


def heads(reader: Person, service: str, count: int) -> list[tuple[bytes, bytes]]:
    """Return requests that have begun, and the rest of their heads."""
    begun = f"GET {READS[service]} HTTP/1.1\r\nHost: x\r\n"
    return [(begun.encode(), f"x-access-tokens: {reader.token}\r\n\r\n".encode())] * count


def bodies(
    reader: Person, service: str, count: int, size: int = 0, address: str = ""
) -> list[tuple[bytes, bytes]]:
    """Return heads of requests and their bodies of at least `size` bytes: new books, or no refresh tokens."""
    path = "/books" if service == "books" else "/refresh"
    found = []
    for _ in range(count):
        members = book() if service == "books" else {"refresh_token": "none"}
        body = json.dumps(members).ljust(size).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nx-access-tokens: {reader.token}\r\n"
        head += f"X-Forwarded-For: {address}\r\nContent-Type: application/json\r\n"
        found.append((f"{head}Content-Length: {len(body)}\r\n\r\n".encode(), body))
    return found


class Trickling(Threads):
    """Let every client send a byte now and then, for a `with` block."""

    def __init__(self, clients: Sequence[SlowClient]) -> None:
        super().__init__(self._send, 1)
        self._clients = clients

    def _send(self) -> None:
        while not self._stopping.wait(PACE):
            for client in self._clients:
                client.send(1)

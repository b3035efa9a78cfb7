"""Clients that send a request byte by byte, or ask for much and do not read it."""

import json
import socket
from collections.abc import Iterator, Sequence
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
def slow_clients(
    reader: Person,
    service: str = "books",
    *,
    heads: int = 0,
    bodies: int = 0,
    reads: Sequence[str] = (),
    size: int = 0,
    address: str = "",
) -> Iterator[list[SlowClient]]:
    """Begin requests of `reader` at a service: slow heads, then slow bodies, then reads of these paths.

    The bodies have at least `size` bytes, and say that they come from `address`.
    """
    beginnings = [a_head(reader, service)] * heads
    beginnings += [a_body(reader, service, size, address) for _ in range(bodies)]
    beginnings += [(request(reader, path), b"") for path in reads]
    with ExitStack() as stack:
        clients = []
        for begun, rest in beginnings:
            sock = stack.enter_context(
                connect(urlsplit(reader.pair.url(service)).port or 0, window=0 if rest else WINDOW)
            )
            sock.sendall(begun)
            clients.append(SlowClient(sock, rest))
        for client in clients:
            if not client.rest:  # its answer begins before anybody is asked for something else
                client.sock.recv(1, socket.MSG_PEEK)
        yield clients


def connect(port: int, *, window: int = 0) -> socket.socket:
    """Connect, as a client that takes only `window` bytes unread, if that is given."""
    sock = socket.socket()
    sock.settimeout(TIMEOUT)
    if window:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    sock.connect(("127.0.0.1", port))
    return sock


def request(reader: Person, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nx-access-tokens: {reader.token}\r\n\r\n".encode()


def a_head(reader: Person, service: str) -> tuple[bytes, bytes]:
    """Return a request that has begun, and the rest of its head."""
    begun = f"GET {READS[service]} HTTP/1.1\r\nHost: x\r\n"
    return begun.encode(), f"x-access-tokens: {reader.token}\r\n\r\n".encode()


def a_body(reader: Person, service: str, size: int, address: str) -> tuple[bytes, bytes]:
    """Return the head of a request, and its body: a new book, or a refresh token that is none."""
    path, members = ("/books", book()) if service == "books" else ("/refresh", {"refresh_token": "none"})
    body = json.dumps(members).ljust(size).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nx-access-tokens: {reader.token}\r\n"
    head += f"X-Forwarded-For: {address}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode(), body


class Trickling(Threads):
    """Let every client send a byte now and then, for a `with` block."""

    def __init__(self, clients: Sequence[SlowClient]) -> None:
        super().__init__(self._send, 1)
        self._clients = clients

    def _send(self) -> None:
        while not self._stopping.wait(PACE):
            for client in self._clients:
                client.send(1)

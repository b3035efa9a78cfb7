"""Clients that send a request byte by byte, and whether anybody else notices."""

import json
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse

from tests.people import Person, book

SLOW = 100  # clients of each kind
ASKED = 300  # times each route
LIMIT = 1  # seconds for 99 of 100 answers
PACE = 0.5  # seconds between two bytes of a slow client
TIMEOUT = 30  # seconds


@dataclass
class SlowClient:
    """A client that has sent some of its request and goes on byte by byte."""

    sock: socket.socket
    rest: bytes

    def send(self, count: int | None = None) -> None:
        self.sock.sendall(self.rest[:count])
        self.rest = self.rest[len(self.rest[:count]) :]

    def status(self) -> int:
        with HTTPResponse(self.sock) as response:
            response.begin()
            return response.status


def assert_nobody_waits(reader: Person) -> list[int]:
    """Fail unless books answers in time while slow clients send heads and bodies; return their statuses."""
    with slow_clients(reader, heads=SLOW, bodies=SLOW) as clients:
        with trickling(clients), ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(reader.get, ["/healthz", "/books"] * ASKED))
            ended_early, _, _ = select.select([client.sock for client in clients], [], [], 0)
        statuses = [finish(client) for client in clients]

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.elapsed.total_seconds() for answer in answers)[-len(answers) // 100] < LIMIT
    assert ended_early == []
    return statuses


def finish(client: SlowClient) -> int:
    """Send what is left, and return the status of the answer: 200 at once would be another test."""
    client.send()
    return client.status()


@contextmanager
def slow_clients(reader: Person, *, heads: int = 0, bodies: int = 0) -> Iterator[list[SlowClient]]:
    """Connect to books and begin requests of `reader`: first those with slow heads, then the others."""
    beginnings = [a_head(reader)] * heads + [a_body(reader) for _ in range(bodies)]
    with ExitStack() as stack:
        clients = []
        for begun, rest in beginnings:
            address = ("127.0.0.1", reader.pair.ports["books"])
            sock = stack.enter_context(socket.create_connection(address, TIMEOUT))
            sock.sendall(begun)
            clients.append(SlowClient(sock, rest))
        yield clients


def a_head(reader: Person) -> tuple[bytes, bytes]:
    """Return a request that has begun, and the rest of its head."""
    return b"GET /books HTTP/1.1\r\nHost: x\r\n", f"x-access-tokens: {reader.token}\r\n\r\n".encode()


def a_body(reader: Person) -> tuple[bytes, bytes]:
    """Return the head of a request, and its body."""
    body = json.dumps(book()).encode()
    head = f"POST /books HTTP/1.1\r\nHost: x\r\nx-access-tokens: {reader.token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode(), body


@contextmanager
def trickling(clients: Sequence[SlowClient]) -> Iterator[None]:
    """Let every client send a byte now and then."""
    stopping = threading.Event()

    def trickle() -> None:
        while not stopping.wait(PACE):
            for client in clients:
                client.send(1)

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()

"""Prints what slow clients cost others, in containers: `python -m benchmarks.slow_clients [--rounds 3]`.

Through nginx: 300 imports of one user that hardly come, 160 pages that nobody reads, and 12 imports without a
token. Rounds with them and without take turns. Images are built first; no data is left.
"""

import os
import select
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from statistics import median, quantiles
from threading import Event
from urllib.parse import urlsplit

from benchmarks.compose import Compose
from benchmarks.people import TIMEOUT, Person, new_session, register

IMPORTS, READERS, WITHOUT_TOKEN = 300, 160, 12
HELD = 2  # imports that one token may have under way
LENGTH = 500_000  # bytes that an import announces
PACE = 2  # seconds between two of its bytes
WINDOW = 4096  # bytes that a reader takes unread
CONNECTIONS, REQUESTS = 4, 100  # of each of these connections
ROWS = 10_000  # of a file


def main() -> int:
    """Measure in turns, and print a line for each."""
    parser = ArgumentParser(description="Measure reading and importing beside slow clients.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with Compose("bookstore-bench") as stack:
        stack.run("build", "--quiet")
        stack.seconds_to_start()
        reader, slow, other = (register(stack.url) for _ in range(3))
        import_books(reader, 0)
        print(f"{'':12}{'p50 ms':>9}{'p99 ms':>9}{'import s':>10}{'load':>7}")
        for number in range(rounds):
            report("nobody slow", reader, other, 2 * number)
            with slow_clients(slow, reader):
                report("all of them", reader, other, 2 * number + 1)
    return 0


def report(name: str, reader: Person, other: Person, number: int) -> None:
    """Print how long `GET /books` takes, and an import of new books beside it."""
    with ThreadPoolExecutor(CONNECTIONS + 1) as threads:
        importing = threads.submit(import_books, other, number)
        readers = [replace(reader, session=new_session()) for _ in range(CONNECTIONS)]
        times = sorted(each for one in threads.map(read_pages, readers) for each in one)
    p50, p99 = median(times) * 1000, quantiles(times, n=100)[98] * 1000
    print(f"{name:12}{p50:9.0f}{p99:9.0f}{importing.result():10.2f}{os.getloadavg()[0]:7.1f}", flush=True)


def read_pages(reader: Person) -> list[float]:
    times = []
    for _ in range(REQUESTS):
        begun = time.monotonic()
        reader.get("/books")
        times.append(time.monotonic() - begun)
    return times


def import_books(person: Person, number: int) -> float:
    """Import a file of new books, and return the seconds that it took."""
    rows = (f"Book {number} {row},Ann,Press,\r\n" for row in range(ROWS))
    file = "name,Author,Publisher,book_prize\r\n" + "".join(rows)
    begun = time.monotonic()
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "text/csv"}
    url = f"{person.url('books')}/books/import"
    person.session.post(url, data=file.encode(), headers=headers, timeout=TIMEOUT).raise_for_status()
    return time.monotonic() - begun


@contextmanager
def slow_clients(importer: Person, reader: Person) -> Iterator[None]:
    """Let all of them hold what they get, for the block."""
    port, stopping = urlsplit(importer.url("books")).port or 0, Event()
    head = f"POST /books/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {LENGTH}\r\n"
    page = f"GET /books?limit=200 HTTP/1.1\r\nHost: x\r\nx-access-tokens: {reader.token}\r\n\r\n"
    requests = [f"{head}\r\n"] * WITHOUT_TOKEN
    requests += [f"{head}x-access-tokens: {importer.token}\r\n\r\n"] * IMPORTS
    with ExitStack() as stack:
        readers = [begin(stack, port, page) for _ in range(READERS)]
        imports = [begin(stack, port, request) for request in requests]
        wait_for_answers([*readers, *imports], HELD)
        threads = stack.enter_context(ThreadPoolExecutor(1))
        threads.submit(trickle, imports, stopping)
        stack.callback(stopping.set)
        yield


def begin(stack: ExitStack, port: int, request: str) -> socket.socket:
    """Send a request on a connection that stays open, and takes little unread."""
    sock = stack.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
    sock.connect(("127.0.0.1", port))
    sock.sendall(request.encode())
    return sock


def wait_for_answers(clients: list[socket.socket], held: int) -> None:
    """Wait until something has come for all clients but so many: what is measured is not their beginning."""
    waiting = set(clients)
    while len(waiting) > held:
        waiting -= {*select.select(waiting, [], [], 1)[0]}


def trickle(imports: list[socket.socket], stopping: Event) -> None:
    """Send a byte of each now and then; most are refused, and closed."""
    while not stopping.wait(PACE):
        for each in imports:
            with suppress(OSError):
                each.send(b"x")


if __name__ == "__main__":
    sys.exit(main())

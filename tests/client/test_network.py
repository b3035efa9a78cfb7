"""The client behind other programs: one that loses requests and answers, and one that adds a path."""

import dataclasses
import multiprocessing
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Self

import pytest
from bookstore_client import Bookstore, BookstoreError, FileStore, Problem

from tests.api import new_session
from tests.browser.pages import served_page
from tests.people import PASSWORD, new_name
from tests.served import ServedPair

PROCESSES, THREADS, BOOKS = 2, 4, 18  # books a thread: five operations for every three of them, 240 in all
ATTEMPTS = 20  # so many that not all of them are lost by chance
CHUNK = 64 * 1024  # bytes


class LossyProxy(ThreadingTCPServer):
    """Passes connections on to a port of this machine; cuts some at a piece of a request or an answer."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, *, requests: float, answers: float) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        self.target = ("127.0.0.1", port)
        self.loss = {"request": requests, "answer": answers}  # the part that is lost
        self.lost = {"request": 0, "answer": 0}

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lose_nothing(self) -> None:
        """Pass on all that comes from now on."""
        self.loss = dict.fromkeys(self.loss, 0)


class Passage(BaseRequestHandler):
    """One connection of a client, and the one behind it."""

    server: LossyProxy

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(self.server.target) as upstream:
            requests = Thread(target=self._pass, args=["request", self.request, upstream])
            requests.start()
            self._pass("answer", upstream, self.request)
            requests.join()

    def _pass(self, kind: str, source: socket.socket, target: socket.socket) -> None:
        """Pass on what comes from one end, until a piece is cut somewhere; then close both."""
        with suppress(OSError):
            while piece := source.recv(CHUNK):
                if random.random() < self.server.loss[kind]:
                    self.server.lost[kind] += 1
                    target.sendall(piece[: random.randrange(len(piece))])
                    break
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def fill(bookstore: Bookstore, store: FileStore, process: int, thread: int) -> list[str]:
    """Put books on the shelf, change and remove some; return what went wrong."""
    failures = []
    for number in range(BOOKS):
        try:
            book = bookstore.add(f"{process} {thread} {number}", "Ann", "Press")
            if number % 3 == 0:
                bookstore.change(book, publisher=f"Press {number}")
            if number % 3 == 1:
                bookstore.remove(book)
            if number % 4 == 0:
                expire(store)
        except BookstoreError as error:
            failures.append(f"{process} {thread} {number}: {error!r}")
    return failures


def expire(store: FileStore) -> None:
    """Let the access token count as old, so that the next request refreshes the session."""
    with store.lock():
        if tokens := store.load():
            store.save(dataclasses.replace(tokens, expires_at=0))


def work(auth_url: str, books_url: str, store: FileStore, process: int) -> list[str]:
    """Let threads share a client; return what went wrong in any of them."""
    bookstore = Bookstore(auth_url, books_url, store=store, attempts=ATTEMPTS, connect=new_session)
    with ThreadPoolExecutor(THREADS) as threads:
        failures = threads.map(lambda thread: fill(bookstore, store, process, thread), range(THREADS))
        return [failure for each in failures for failure in each]


def test_nothing_is_lost_or_done_twice(served_pair: ServedPair, store: FileStore) -> None:
    ports = served_pair.ports
    with (
        LossyProxy(ports["auth"], requests=0.1, answers=0.2) as auth,
        LossyProxy(ports["books"], requests=0.04, answers=0.08) as books,
    ):
        bookstore = Bookstore(auth.url, books.url, store=store, attempts=ATTEMPTS, connect=new_session)
        bookstore.register(new_name(), PASSWORD)
        jobs = [(auth.url, books.url, store, process) for process in range(PROCESSES)]
        with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
            failures = pool.starmap(work, jobs)
        lost = [*auth.lost.values(), *books.lost.values()]
        auth.lose_nothing()
        books.lose_nothing()
        found = sorted((book.name, book.publisher) for book in bookstore.books())

    assert failures == [[]] * PROCESSES
    assert min(lost) > 0
    assert found == sorted(
        (f"{process} {thread} {number}", "Press" if number % 3 else f"Press {number}")
        for process in range(PROCESSES)
        for thread in range(THREADS)
        for number in range(BOOKS)
        if number % 3 != 1
    )


def test_both_services_may_have_one_address(served_pair: ServedPair) -> None:
    with served_page(served_pair) as origin:
        bookstore = Bookstore(f"{origin}/auth", f"{origin}/books/", connect=new_session)
        bookstore.register(new_name(), PASSWORD)

        book = bookstore.change(bookstore.add("Mort", "Ann", "Press"), prize=12)

        assert list(bookstore.books()) == [book]
        bookstore.logout()


class Gateway(BaseHTTPRequestHandler):
    """Lets nobody through, and says so in its own way."""

    def do_POST(self) -> None:
        body = b'{"code": "wrong-credentials", "detail": null, "errors": ["no route"]}'
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_what_a_gateway_answers_is_no_problem_document() -> None:
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        Thread(target=server.handle_request).start()
        with pytest.raises(Problem) as refused:
            Bookstore(f"http://127.0.0.1:{server.server_port}", connect=new_session).login("Ann", PASSWORD)

    assert (refused.value.code, str(refused.value)) == ("", "the service answered 403")

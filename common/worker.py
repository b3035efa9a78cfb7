"""Owns the worker: it gathers requests without threads, so that no slow client can hold one."""

import select
import socket
import threading
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

from common.arrival import Verdict
from common.connection import Connection
from common.dispatcher import Dispatcher
from common.field_lines import combined
from common.listeners import is_stopping, welcome

REQUEST_TIME = 20.0  # seconds from the first byte of a request to the last that is gathered
STOP_TIME = 3.0  # the same while the worker stops
LINGER_TIME = 2.0  # seconds for a client to close after us
ROUND = 1.0  # seconds between two looks at what no event tells
PAUSE = 0.05  # seconds before a connection that could not be accepted is tried again
# What is not 400 of the requests that gunicorn cannot parse.
REFUSALS = {
    ExpectationFailed: (417, "Expectation Failed"),
    LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    LimitRequestLine: (414, "URI Too Long"),
    UnsupportedTransferCoding: (501, "Not Implemented"),
}


class Worker(Dispatcher):
    """gunicorn's threaded worker, except that no client can make a thread wait before its request is whole.

    The main loop gathers requests and waits for slow closers; threads see whole requests. It accepts from the
    listener of its slot, and once a second from its neighbours, in case one has no worker at the moment.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.slot = 0
        self.neighbours: list[Any] = []
        self.seen_waiting: list[Any] = []  # those of them whose queue was not empty at the last look
        self.waiting: set[Connection] = set()
        self.watching = threading.Lock()  # whoever changes what is waited for: threads add to it
        self.next_round = 0.0

    def notify(self) -> None:
        """Once a second tell the master that we live, and see to what no event tells us."""
        now = time.monotonic()
        if now < self.next_round and self.alive:
            return
        self.next_round = now + ROUND
        super().notify()
        with self.watching:
            late = [conn for conn in self.waiting if conn.timeout <= now]
        for conn in late:
            self.give_up(conn)
        self.accept_all()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to accept; a worker that stops with the whole server takes what is still queued."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            self.accept_all()

    def accept_all(self) -> None:
        """Take every connection that no event tells us of, up to our limit."""
        for listener in self.unwatched_listeners():
            while self.nr_conns < self.worker_connections and self.accept(listener):
                pass

    def unwatched_listeners(self) -> list[Any]:
        """Return those whose queues nobody else sees to: all of them, while the whole server stops.

        A neighbour that has connections waiting at two looks in a row has no worker, or one that cannot
        keep up. At one look it may just be getting many at once, which are better left to it.
        """
        if not self.alive:
            return [*self.sockets, *self.neighbours] if is_stopping() else []
        waiting, _, _ = select.select(self.neighbours, [], [], 0) if self.neighbours else ([], [], [])
        seen_before, self.seen_waiting = self.seen_waiting, waiting
        return [listener for listener in waiting if listener in seen_before]

    def accept(self, listener: Any) -> bool:
        """Take a connection, if there is one."""
        try:
            sock, client = listener.accept()
            welcome(sock)
            conn = Connection(self.cfg, sock, client, listener.getsockname())
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:  # no file number is left, for example: that passes, and is no reason to die
            self.log.warning("cannot accept a connection: %s", error)
            time.sleep(PAUSE)
            return False
        self.nr_conns += 1
        self.wait(conn, REQUEST_TIME)
        return True

    def wait(self, conn: Connection, seconds: float) -> None:
        """Watch `conn` without a thread, for `seconds` at most."""
        with self.watching:
            try:
                self.poller.register(conn.sock, EVENT_READ, partial(self.on_readable, conn))
            except OSError as error:  # no memory is left for it, for example
                self.log.warning("cannot watch a connection: %s", error)
                self.method_queue.defer(self.drop, conn)
                return
            # `alive` is looked at here: a worker that begins to stop shortens what is in `waiting` by then.
            conn.timeout = time.monotonic() + (seconds if self.alive else min(seconds, STOP_TIME))
            self.waiting.add(conn)

    def on_readable(self, conn: Connection, _sock: Any = None) -> Verdict:
        """Read from a connection that is waited for, and go on with it if that was enough."""
        begun = conn.begun
        verdict = conn.receive()
        if verdict is not Verdict.WAIT:
            self.unwatch(conn)
            self.go_on(conn, verdict)
        elif conn.begun and not begun:
            conn.timeout = time.monotonic() + (REQUEST_TIME if self.alive else STOP_TIME)
        return verdict

    def unwatch(self, conn: Connection) -> None:
        """Wait for `conn` no longer."""
        with self.watching:
            self.waiting.discard(conn)
            self.poller.unregister(conn.sock)

    def go_on(self, conn: Connection, verdict: Verdict) -> None:
        """Do what `verdict` says with a connection that is not waited for."""
        if conn.closing or verdict is Verdict.CLOSE:
            self.drop(conn)
        elif verdict is Verdict.REFUSE:
            self.refuse(conn, 431, "Request Header Fields Too Large")
        else:
            conn.hand_over(last=verdict is Verdict.TAKE_LAST)
            self.enqueue_req(conn)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer a request, in a thread."""
        if conn.last or self.nr_conns > self.max_keepalived:
            req.force_close()
        req.headers = combined(req.headers)
        try:
            return bool(super().handle_request(req, conn))
        except BlockingIOError as error:  # SO_SNDTIMEO: the client takes nothing
            raise NoMoreData from error

    def finish(self, conn: Connection, *, keeps: bool) -> None:
        """Go on with a connection after an answer: without the main loop, if all there is to do is wait."""
        early = (
            conn.parser.unreader.take_buffered() if keeps else b""
        )  # the client did not wait for the answer
        if keeps and not early:
            self.wait(conn, self.keepalive())
        else:
            self.method_queue.defer(self.go_on_after, conn, early)

    def go_on_after(self, conn: Connection, early: bytes) -> None:
        """Go on with a connection, in the main loop: with what came `early`, or not at all."""
        if not early:
            self.linger(conn)
        elif (verdict := conn.arrive(early)) is Verdict.WAIT:
            self.wait(conn, REQUEST_TIME)
        else:
            self.go_on(conn, verdict)

    def keepalive(self) -> float:
        """Return the seconds that a connection may be idle."""
        return float(self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)

    def give_up(self, conn: Connection) -> None:
        """End a wait that was too long; but a request that came at the last moment is still answered."""
        idle = not conn.begun and not conn.closing
        if idle and (self.on_readable(conn) is not Verdict.WAIT or conn.arrival.data):
            return
        self.unwatch(conn)
        if conn.begun and not conn.closing:
            self.refuse(conn, 408, "Request Timeout")
        else:
            self.drop(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Refuse what gunicorn cannot parse, without its own way of repeating what it was sent."""
        ours = isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName)
        if ours or not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("request refused by the server: %s", type(exc).__name__)
        status, reason = REFUSALS.get(type(exc), (400, "Bad Request"))
        with suppress(OSError):  # whoever went away need not be told
            util.write_error(client, status, reason, "")

    def refuse(self, conn: Connection, status: int, reason: str) -> None:
        """Answer in place of the application, and close."""
        try:
            util.write_error(conn.sock, status, reason, "")
        except OSError:
            self.drop(conn)
        else:
            self.linger(conn)

    def linger(self, conn: Connection) -> None:
        """Close in the way of RFC 9112 section 9.6; gunicorn's own would hold up the main loop for it."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
        else:
            conn.closing = True
            self.wait(conn, LINGER_TIME)

    def drop(self, conn: Connection) -> None:
        """Close at once."""
        self.nr_conns -= 1
        conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """Shorten every wait, for gunicorn stops when the last connection is closed."""
        self.alive = False  # it is not yet if the master died
        with self.watching:
            for conn in self.waiting:
                grace = STOP_TIME - STOP_KEEPALIVE_LINGER if conn.begun else 0.0
                conn.timeout = min(conn.timeout, deadline + grace)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close what is left when the time to stop is over; `notify` does the rest."""
        if not force:
            return
        with self.lining_up:
            self.backlog.clear()
        for conn in list(self.waiting):
            self.unwatch(conn)
            self.drop(conn)

"""Owns how many requests are at work at once: few, as long as they are quick.

Threads that want to run at the same moment only hand the interpreter to one another: 64 of them cost a fifth
of the requests per second of two (docs/design.md). One that waits for long makes room for the next. A thread
that is through with a request takes the next one from the line itself, without waking up the main loop.
"""

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from common.connection import Connection

AT_WORK = 2  # requests that run at once, as long as they are quick
LONG = 0.005  # seconds after which a request is no quick one: it hashes a password or waits for something


class Dispatcher(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's threaded worker with a line in front of its threads."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.backlog: deque[Connection] = deque()  # whose requests are whole, and wait for a thread
        self.at_work: dict[Connection, float] = {}  # since when
        self.lining_up = threading.Lock()  # whoever looks at both or changes them

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return the threads, of which one is there from the beginning."""
        threads: ThreadPoolExecutor = super().get_thread_pool()
        threads.submit(time.monotonic)
        return threads

    def enqueue_req(self, conn: Connection) -> None:
        """Give a request to a thread, once there are not too many at work."""
        with self.lining_up:
            self.backlog.append(conn)
        self.start_requests()

    def start_requests(self) -> None:
        """Give what waits to threads of its own, as far as `AT_WORK` goes."""
        while conn := self.next_request():
            try:
                self.tpool.submit(self.work, conn)
            except RuntimeError as error:  # no further one can be started now: the next that is free takes it
                self.log.warning("cannot start a thread: %s", error)
                return

    def work(self, conn: Connection | None) -> None:
        """Answer a request, in a thread, and then others that wait."""
        while conn:
            keeps = False
            try:
                keeps = bool(self.handle(conn))
            finally:
                # In this order: a request that is put in the line now is taken here, or finds the room.
                with self.lining_up:
                    del self.at_work[conn]
                self.finish(conn, keeps=keeps)
            conn = self.next_request()

    def next_request(self) -> Connection | None:
        """Return a request that may begin now, if there is one; a request that takes long counts no more."""
        now = time.monotonic()
        with self.lining_up:
            if not self.backlog or self.count_quick(now) >= AT_WORK:
                return None
            conn = self.backlog.popleft()
            self.at_work[conn] = now
            return conn

    def count_quick(self, now: float) -> int:
        """Return how many requests are at work and have not been for long."""
        if len(self.at_work) < AT_WORK:
            return len(self.at_work)
        return sum(started > now - LONG for started in self.at_work.values())

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for something to do, not for long if requests wait."""
        super().wait_for_and_dispatch_events(min(timeout, LONG / 2) if self.backlog else timeout)
        if self.backlog:
            self.start_requests()

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        if conn.parser.unreader.deadline is not None:
            return bool(super()._keepalive_after(conn, keepalive))
        # All that is left of the body is here: no limit of time has to be set for the socket.
        return keepalive and bool(conn.parser.finish_body())

    def finish(self, conn: Connection, *, keeps: bool) -> None:
        """Go on with a connection after an answer, still in the thread; it `keeps` open if it may."""
        raise NotImplementedError

"""Owns how many requests are at work at once: few, as long as they are quick.

Threads that want to run at the same moment only hand the interpreter to one another: 64 of them cost a fifth
of the requests per second of two (docs/design.md). One that waits for long makes room for the next.
"""

import time
from collections import deque
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

    def enqueue_req(self, conn: Connection) -> None:
        """Give a request to a thread, once there are not too many at work."""
        self.backlog.append(conn)
        self.start_requests()

    def start_requests(self) -> None:
        """Start what waits, as far as `AT_WORK` goes; a request that takes long counts no more.

        Threads that want to run at the same moment only hand the interpreter to one another.
        """
        now = time.monotonic()
        while self.backlog and self.count_quick(now) < AT_WORK:
            conn = self.backlog.popleft()
            self.at_work[conn] = now
            try:
                super().enqueue_req(conn)
            except RuntimeError as error:  # no further thread can be started now
                self.log.warning("cannot start a thread: %s", error)
                del self.at_work[conn]
                self.backlog.appendleft(conn)
                return

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

    def note_end(self, conn: Connection) -> None:
        """Note that a request is answered, and start the next."""
        del self.at_work[conn]
        self.start_requests()

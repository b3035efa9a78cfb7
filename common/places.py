"""Owns how many requests of one kind a worker sees to at once: they take memory, or a thread for long."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from common.problems import DETAILS, Refusal

RETRY_AFTER = 5  # seconds


class Places:
    """A number of places, each for one request at a time."""

    def __init__(self, count: int, *, wait: float) -> None:
        self._free = BoundedSemaphore(count)
        self._wait = wait  # seconds

    def take(self) -> None:
        """Take a place, or refuse the request with 503 if none becomes free in time."""
        if not self._free.acquire(timeout=self._wait):
            raise Refusal(503, DETAILS[503], headers={"Retry-After": str(RETRY_AFTER)})

    def give(self) -> None:
        """Give a place back."""
        self._free.release()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Have a place for the block."""
        self.take()
        try:
            yield
        finally:
            self.give()

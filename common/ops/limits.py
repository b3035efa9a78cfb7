"""Concurrency limits: how many threads of a worker may do one thing at once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import BoundedSemaphore

from common.errors import Unavailable


class Busy(Unavailable):
    """No slot came free in time."""

    headers: Mapping[str, str] = {"Retry-After": "5"}  # seconds


class ConcurrencyLimit:
    """A semaphore of `count` slots, each for one thread at a time.

    At most `waiting` threads wait for one, each for `wait` seconds; all others get `Busy`. Every process
    counts for itself: make it before the workers are forked, or in each of them.
    """

    def __init__(self, count: int, *, waiting: int = 0, wait: float = 0) -> None:
        self.count = count
        self._entered = BoundedSemaphore(count + waiting)
        self._free = BoundedSemaphore(count)
        self._wait = wait

    def acquire(self) -> None:
        """Take a slot, or raise `Busy`."""
        if not self._entered.acquire(blocking=False):
            raise Busy
        if not self._free.acquire(timeout=self._wait):
            self._entered.release()
            raise Busy

    def release(self) -> None:
        self._free.release()
        self._entered.release()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot for the block, or raise `Busy`."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

"""Admission to password hashing: at most one hash a core at a time, over all worker processes together."""

import fcntl
import os
import select
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.settings import cores

LIMIT = 5.0  # seconds that a hash may wait
WAITERS = 48  # of a process
RECHECK = 0.1  # seconds after which a waiter looks again though nobody rang: a killed process cannot ring


class Busy(Exception):
    """No core came free within the limit: answer 503 with `Retry-After`."""


class Observer:
    """Hears what the queue does, from many threads. This one ignores all of it: override what is wanted."""

    def waiting(self, change: int) -> None:
        """One more waits (+1), or one fewer (-1)."""

    def waited(self, seconds: float) -> None:
        """One stopped waiting, be it that its turn came or that it gave up."""

    def hashed(self, seconds: float) -> None:
        """One left its slot."""


class HashQueue:
    """Let as many hashes run as there are slots, in this process and in all that are forked from it.

    Make it before the fork: a process that makes its own counts for itself. A slot is a byte of one anonymous
    file, taken by a record lock, which the kernel gives back when the process ends, however it ends. Record
    locks belong to a process and not to a thread, so each process keeps its own account of those it holds.

    The thread that is first in the line of its process stands at the slots, together with those of the other
    processes: within a process it is first come, first served, between processes all have the same chance.
    """

    def __init__(
        self,
        *,
        slots: int | None = None,
        limit: float = LIMIT,
        waiters: int = WAITERS,
        observer: Observer | None = None,
    ) -> None:
        self.slots = slots or cores()
        self._limit = limit  # seconds
        self._waiters = waiters  # of each process: its other threads stay free for what needs no hash
        self._observer = observer or Observer()
        self._file = _anonymous_file()
        self._bell = _Bell()
        # Closing any descriptor of the file drops the process's locks: there is one, closed with the queue.
        weakref.finalize(self, os.close, self._file)
        self._forget_the_parent()
        _queues.add(self)

    @property
    def is_full(self) -> bool:
        """Tell whether as many threads of this process wait as may."""
        return self._line.length >= self._waiters

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Keep a place for the block among those of this process that are on their way to a slot.

        There are as many as may wait for one; if all are taken, raise `Busy` at once. What has to be done
        before and after a hash then holds no more threads than waiting for one does.
        """
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot, keep it for the block, or raise `Busy`."""
        slot = self._wait()
        started = time.monotonic()
        try:
            yield
        finally:
            self._leave(slot)
            self._observer.hashed(time.monotonic() - started)

    def _wait(self) -> int:
        arrived = time.monotonic()
        self._observer.waiting(+1)
        try:
            return self._enter(deadline=arrived + self._limit)
        finally:
            self._observer.waiting(-1)
            self._observer.waited(time.monotonic() - arrived)

    def _enter(self, deadline: float) -> int:
        if self.is_full:
            raise Busy
        with self._line.place(_until(deadline)) as is_first:
            while is_first:
                if (slot := self._take()) is not None:
                    return slot
                if not (remaining := _until(deadline)):
                    break
                self._bell.wait(min(remaining, RECHECK))
        raise Busy

    def _take(self) -> int | None:
        for slot in tuple(self._free):
            if _lock(self._file, slot):
                self._free.remove(slot)
                # We may have used up the ring of a second slot, which another process waits for: pass it on.
                self._bell.ring()
                return slot
        return None

    def _leave(self, slot: int) -> None:
        # In this order: a thread of ours that locked the byte before the unlock would lose it again.
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
        self._free.append(slot)
        self._bell.ring()

    def _forget_the_parent(self) -> None:
        self._line = _Line()
        self._places = threading.BoundedSemaphore(self._waiters)
        self._free = list(range(self.slots))


class _Line:
    """The threads of a process that wait, first come, first served: a lock of Python promises no order."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._places: deque[threading.Event] = deque()

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._places)

    @contextmanager
    def place(self, seconds: float) -> Iterator[bool]:
        """Stand in the line for the block, which is told whether this became the first place in time."""
        place = threading.Event()
        self._change(self._places.append, place)
        try:
            yield place.wait(seconds)
        finally:
            self._change(self._places.remove, place)

    def _change(self, change: Callable[[threading.Event], None], place: threading.Event) -> None:
        with self._mutex:
            change(place)
            if self._places:
                self._places[0].set()


class _Bell:
    """Wakes the waiting processes. A ring is a hint to look again: it may be lost or come for nothing."""

    def __init__(self) -> None:
        self._hear, self._pull = os.pipe()
        for end in (self._hear, self._pull):
            os.set_blocking(end, False)
            weakref.finalize(self, os.close, end)

    def ring(self) -> None:
        with suppress(BlockingIOError):  # The pipe is full of rings already.
            os.write(self._pull, b"!")

    def wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._hear, select.POLLIN)
        if poll.poll(seconds * 1000):
            with suppress(BlockingIOError):  # Another process was faster.
                os.read(self._hear, 64 * 1024)  # all of them: old rings must not wake anybody again


def _until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _lock(file: int, slot: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
    except (BlockingIOError, PermissionError):  # POSIX lets a system say either.
        return False
    return True


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("hash-slots")  # needs no writable folder
    file, path = tempfile.mkstemp()
    Path(path).unlink()
    return file


def _forget_the_parents() -> None:
    for queue in tuple(_queues):
        queue._forget_the_parent()


# A child has none of its parent's record locks, and none of the threads that stand in its line.
_queues: "weakref.WeakSet[HashQueue]" = weakref.WeakSet()
os.register_at_fork(after_in_child=_forget_the_parents)

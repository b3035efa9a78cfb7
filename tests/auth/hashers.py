"""Hashers of a test's own: quick, and with slots that the test can take."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest.mock import patch

from argon2 import PasswordHasher
from flask import Flask

from auth_service.passwords.hashing import Hasher
from common.ops.limits import ConcurrencyLimit

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def hash_cheaply(app: Flask) -> None:
    """Let an application hash at next to no cost: else that would be most of what its tests take."""
    app.extensions["hasher"] = Hasher(CHEAP, app.extensions["hasher"].slots)


def make_hasher(
    *, memory: int = 64, time_cost: int = 1, parallelism: int = 1, slots: ConcurrencyLimit | None = None
) -> Hasher:
    """Return a hasher with one slot, unless other slots are given."""
    return Hasher(PasswordHasher(time_cost, memory, parallelism), slots or ConcurrencyLimit(1))


@contextmanager
def no_core(app: Flask) -> Iterator[None]:
    """Let the application find no core to hash on."""
    slots = ConcurrencyLimit(1)
    with patch.dict(app.extensions, hasher=make_hasher(slots=slots)), slots.slot():
        yield


@contextmanager
def patient(app: Flask) -> Iterator[None]:
    """Let every hash wait until a core comes free, however busy the machine is."""
    slots = ConcurrencyLimit(2, waiting=20, wait=60)
    with patch.dict(app.extensions, hasher=make_hasher(memory=256, time_cost=2, slots=slots)):
        yield


@contextmanager
def while_hashing(app: Flask, action: Callable[[], object]) -> Iterator[None]:
    """Let `action` happen while the application hashes its next password."""
    hasher = make_hasher(slots=Meanwhile(action))
    with patch.dict(app.extensions, hasher=hasher):
        yield


class Meanwhile(ConcurrencyLimit):
    """Does something once, when the first hash is done and nothing has come of it yet."""

    def __init__(self, action: Callable[[], object]) -> None:
        super().__init__(1, waiting=1, wait=60)
        self._action: Callable[[], object] | None = action

    def release(self) -> None:
        super().release()
        action, self._action = self._action, None
        if action:
            with ThreadPoolExecutor(1) as another:  # for what belongs to the request is its thread's
                another.submit(action).result()

"""Hashers of a test's own: quick, and with slots that the test can take."""

from collections.abc import Callable

from argon2 import PasswordHasher
from flask import Flask

from auth_service.passwords.hashing import Hasher
from common.ops.limits import ConcurrencyLimit


def make_hasher(
    *, memory: int = 64, time_cost: int = 1, parallelism: int = 1, slots: ConcurrencyLimit | None = None
) -> Hasher:
    """Return a hasher with one slot, unless other slots are given."""
    return Hasher(PasswordHasher(time_cost, memory, parallelism), slots or ConcurrencyLimit(1))


class Meanwhile(ConcurrencyLimit):
    """Does something once, when the first hash is done and nothing has come of it yet."""

    def __init__(self, action: Callable[[], object]) -> None:
        super().__init__(1, waiting=1, wait=60)
        self._action: Callable[[], object] | None = action

    def release(self) -> None:
        super().release()
        action, self._action = self._action, None
        if action:
            action()


def while_hashing(app: Flask, action: Callable[[], object]) -> None:
    """Let `action` happen while the application hashes its next password."""
    app.extensions["hasher"] = make_hasher(memory=19 * 1024, time_cost=2, slots=Meanwhile(action))

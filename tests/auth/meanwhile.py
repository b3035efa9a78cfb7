"""What happens while a password is hashed: after all that was read before, and before what is written."""

from collections.abc import Callable

from flask import Flask

from auth_service.hash_queue import HashQueue, Observer
from auth_service.passwords import Hasher


class Meanwhile(Observer):
    """Does something once, when the first hash is done and nothing has come of it yet."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action: Callable[[], object] | None = action

    def hashed(self, _: float) -> None:
        action, self._action = self._action, None
        if action:
            action()


def while_hashing(app: Flask, action: Callable[[], object]) -> None:
    """Let `action` happen while the application hashes its next password."""
    queue = HashQueue(observer=Meanwhile(action))
    app.extensions["hasher"] = Hasher(memory=19 * 1024, time_cost=2, parallelism=1, queue=queue)

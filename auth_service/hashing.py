"""Owns the one hash queue of the service: its numbers, and what a client reads when it is full."""

import ctypes

from flask import Flask, Response
from prometheus_client import Gauge, Histogram
from werkzeug.exceptions import ServiceUnavailable

from auth_service.hash_queue import Busy, HashQueue, Observer
from auth_service.passwords import Hasher
from auth_service.settings import AuthSettings
from common.problems import answer

RETRY_AFTER = 5  # seconds
M_ARENA_MAX = -8  # of glibc's malloc.h

_hash_seconds = Histogram("password_hash_seconds", "Time to hash one password.")
_wait_seconds = Histogram("password_hash_wait_seconds", "Time a password waited for a core.")
_waiting = Gauge("password_hash_waiting", "Passwords that wait for a core now.", multiprocess_mode="livesum")


class Numbers(Observer):
    """Tells Prometheus what the queue does."""

    def waiting(self, change: int) -> None:
        _waiting.inc(change)

    def waited(self, seconds: float) -> None:
        _wait_seconds.observe(seconds)

    def hashed(self, seconds: float) -> None:
        _hash_seconds.observe(seconds)


def init_app(app: Flask, settings: AuthSettings) -> None:
    """Make the hasher of `app`, before workers are forked from it."""
    share_one_arena()
    app.extensions["hasher"] = Hasher(
        memory=settings.argon2_memory,
        time_cost=settings.argon2_time_cost,
        parallelism=settings.argon2_parallelism,
        queue=HashQueue(waiters=max(1, settings.threads * 3 // 4), observer=Numbers()),
    )
    app.register_error_handler(Busy, answer_busy)


def share_one_arena() -> None:
    """Let the threads of this process share what glibc's malloc keeps, if that is what it runs on.

    Else each of them would come to keep the 19 MiB of the last hash that it made (docs/design.md).
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_ARENA_MAX, 1)


def answer_busy(_: Busy) -> Response:
    """Answer 503: no core came free in time."""
    return answer(ServiceUnavailable(retry_after=RETRY_AFTER))

"""Hashes of passwords: Argon2id, a few at a time in each worker."""

import math
import os
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import Parameters, PasswordHasher, extract_parameters, low_level
from argon2.exceptions import VerifyMismatchError
from flask import Flask, current_app
from prometheus_client import Gauge, Histogram

from auth_service.passwords.policy import MAX_RAW_LENGTH, to_bytes
from auth_service.settings import AuthSettings
from common.ops.limits import ConcurrencyLimit
from common.settings import cores

WAIT = 5  # seconds that a hash may wait for a core
NICENESS = 10  # a tenth of the weight of threads that do not hash
SALT = b"spent for nothing"
LEAST_MEMORY = 8  # KiB a lane, of a hash (RFC 9106 section 3.1)
COSTS = ("version", "memory_cost", "time_cost", "parallelism")  # that may grow

_hash_seconds = Histogram("password_hash_seconds", "Time to hash one password.")
_wait_seconds = Histogram("password_hash_wait_seconds", "Time a password waited for a core.")
_waiting = Gauge("password_hash_waiting", "Passwords that wait for a core now.", multiprocess_mode="livesum")

T = TypeVar("T")


def init_app(app: Flask, settings: AuthSettings) -> None:
    """Make the hasher of `app`: with its workers, it computes about one hash a core at a time."""
    threads = max(1, settings.threads * 3 // 4)  # the others stay free for what needs no hash
    slots = max(1, min(cores() // settings.workers, threads))
    argon2 = PasswordHasher(settings.argon2_time_cost, settings.argon2_memory, settings.argon2_parallelism)
    app.extensions["hasher"] = Hasher(argon2, ConcurrencyLimit(slots, waiting=threads - slots, wait=WAIT))


def current_hasher() -> "Hasher":
    hasher: Hasher = current_app.extensions["hasher"]
    return hasher


class Hasher:
    """Hash and verify with Argon2id, within `slots`; every method may raise `Busy`."""

    def __init__(self, argon2: PasswordHasher, slots: ConcurrencyLimit) -> None:
        self._argon2 = argon2
        self.slots = slots
        # Its threads start with the first hash, so that forked workers start their own.
        self._threads = ThreadPoolExecutor(slots.count, "hash", initializer=_lower_priority)
        self._dummy_hash = self._argon2.hash(secrets.token_bytes())

    def hash(self, password: str) -> str:
        """Return the hash to store, with its salt and parameters."""
        return self._compute(self._argon2.hash, to_bytes(password))

    def verify(self, stored: str, password: str) -> bool:
        """Return whether `stored` is a hash of this password; an old hash takes as long as one of today."""
        if len(password) > MAX_RAW_LENGTH:
            return self.verify_dummy(password)
        return self._compute(self._matches, stored, to_bytes(password))

    def verify_dummy(self, password: str) -> bool:
        """Take as long as `verify` and return False: for an unknown name."""
        self._compute(self._matches, self._dummy_hash, to_bytes(password[:MAX_RAW_LENGTH]))
        return False

    def needs_rehash(self, stored: str) -> bool:
        """Return whether a parameter has grown since `stored` was made."""
        old, new = extract_parameters(stored), extract_parameters(self._dummy_hash)
        return old.type is not new.type or any(getattr(old, name) < getattr(new, name) for name in COSTS)

    def _compute(self, function: Callable[..., T], *args: object) -> T:
        """Call the function in a thread of low priority, as soon as a slot is free."""
        with _waiting.track_inprogress(), _wait_seconds.time():
            self.slots.acquire()
        try:
            with _hash_seconds.time():
                return self._threads.submit(function, *args).result()
        finally:
            self.slots.release()

    def _matches(self, stored: str, password: bytes) -> bool:
        self._equalize_cost(extract_parameters(stored))
        try:
            return self._argon2.verify(stored, password)
        except VerifyMismatchError:
            return False

    def _equalize_cost(self, stored: Parameters) -> None:
        """Take as long as a hash of today is slower than `stored`: else the time would reveal a user."""
        time_cost, memory = difference(stored, extract_parameters(self._dummy_hash))
        if time_cost:
            lanes, length = stored.parallelism, stored.hash_len
            low_level.hash_secret_raw(b"", SALT, time_cost, memory, lanes, length, stored.type)


def difference(old: Parameters, new: Parameters) -> tuple[int, int]:
    """Return passes and KiB of the hash that costs as much as `new` costs more than `old`; 0 passes: none.

    The cost of Argon2 is passes times memory; it never takes more memory than `new` does.
    """
    missing = new.time_cost * new.memory_cost - old.time_cost * old.memory_cost
    time_cost = max(1, math.ceil(missing / new.memory_cost))
    memory = missing // time_cost
    return (time_cost, memory) if memory >= LEAST_MEMORY * old.parallelism else (0, 0)


def _lower_priority() -> None:
    """Let this thread use only what others leave of a core, so that many logins keep nobody waiting.

    On Linux the priority is the thread's, though POSIX means the process.
    """
    if sys.platform == "linux":
        os.nice(NICENESS)

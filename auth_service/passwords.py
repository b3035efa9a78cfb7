"""Passwords: which ones may be chosen, and how they are kept."""

import gzip
import math
import os
import secrets
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from argon2 import Parameters, PasswordHasher, Type, extract_parameters, low_level
from argon2.exceptions import VerifyMismatchError

from auth_service.hash_queue import HashQueue
from auth_service.names import InvalidName, fold, normalise

NICER = 10  # a tenth of the weight of threads that do not hash
MAX_LENGTH = 256  # code points of the NFC form

# No code point of NFC stands for more than four others: what is longer need not be normalised to be too long.
# That matters, because unicodedata.normalize takes quadratic time on a long run of combining marks.
_MAX_RAW_LENGTH = 4 * MAX_LENGTH

SALT = b"spent for nothing"
LEAST_MEMORY = 8  # KiB a lane, of a hash (RFC 9106 section 3.1)


def complaint(password: str, *, name: str, min_length: int) -> str | None:
    """Return why this password may not be chosen by the user of this name, or None if it may.

    Lengths are in code points of the NFC form, which is what is hashed (NIST SP 800-63B section 3.1.1.2).
    """
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        return "the password must not contain control characters"
    if not password.strip():
        return "the password must not be empty or white space alone"
    if len(password) > _MAX_RAW_LENGTH or len(composed := _compose(password)) > MAX_LENGTH:
        return f"the password must have at most {MAX_LENGTH} characters"
    if len(composed) < min_length:
        return f"the password must have at least {min_length} characters"
    if _is_name(composed, name):
        return "the password must not be the name"
    if _fold(composed) in COMMON_PASSWORDS:
        return "the password is too common: it is among the first that attackers try"
    return None


class Hasher:
    """Hash and verify with Argon2id, as many at a time as the queue lets; every method may raise `Busy`."""

    def __init__(self, *, memory: int, time_cost: int, parallelism: int, queue: HashQueue) -> None:
        """Take the memory in KiB. One hash is made here already: the one to compare when there is none."""
        self._argon2 = PasswordHasher(time_cost, memory, parallelism, type=Type.ID)
        self._queue = queue
        # No thread is started before the first hash, so that the workers that are forked start their own.
        self._threads = ThreadPoolExecutor(queue.slots, "hash", initializer=_be_humble)
        self._nobodys_hash = self._argon2.hash(secrets.token_bytes())

    def admitted(self) -> AbstractContextManager[None]:
        """Keep a place on the way to a hash for the block, or raise `Busy` before anything is done."""
        return self._queue.admitted()

    def hash(self, password: str) -> str:
        """Return the hash to store, with its salt and parameters."""
        with self._queue.slot():
            return self._threads.submit(self._argon2.hash, _to_bytes(password)).result()

    def verify(self, stored: str, password: str) -> bool:
        """Tell whether `stored` is a hash of this password; an old one takes as long as one of today."""
        if len(password) > _MAX_RAW_LENGTH:
            return self.verify_nothing(password)
        return self._compare(stored, password)

    def verify_nothing(self, password: str) -> bool:
        """Take as long as `verify` and return False: for a name that nobody has."""
        self._compare(self._nobodys_hash, password[:_MAX_RAW_LENGTH])
        return False

    def needs_rehash(self, stored: str) -> bool:
        """Tell whether a parameter has grown since `stored` was made."""
        old, new = extract_parameters(stored), extract_parameters(self._nobodys_hash)
        return (
            old.type is not new.type
            or old.version < new.version
            or old.memory_cost < new.memory_cost
            or old.time_cost < new.time_cost
            or old.parallelism < new.parallelism
        )

    def _compare(self, stored: str, password: str) -> bool:
        with self._queue.slot():
            return self._threads.submit(self._matches, stored, _to_bytes(password)).result()

    def _matches(self, stored: str, password: bytes) -> bool:
        self._spend_difference(extract_parameters(stored))
        try:
            return self._argon2.verify(stored, password)
        except VerifyMismatchError:
            return False

    def _spend_difference(self, stored: Parameters) -> None:
        """Take as long as a hash of today takes longer than this one, which else would tell of a user."""
        time_cost, memory = difference(stored, extract_parameters(self._nobodys_hash))
        if time_cost:
            low_level.hash_secret_raw(
                b"", SALT, time_cost, memory, stored.parallelism, stored.hash_len, stored.type
            )


def difference(old: Parameters, new: Parameters) -> tuple[int, int]:
    """Return passes and KiB of the hash that costs as much as `new` costs more than `old`; 0 passes: none.

    The cost of Argon2 is passes times memory; it never takes more memory than `new` does.
    """
    missing = new.time_cost * new.memory_cost - old.time_cost * old.memory_cost
    time_cost = max(1, math.ceil(missing / new.memory_cost))
    memory = missing // time_cost
    return (time_cost, memory) if memory >= LEAST_MEMORY * old.parallelism else (0, 0)


def _be_humble() -> None:
    """Let this thread have what everybody else leaves of a core: many logins then keep nobody waiting.

    On Linux that is the thread's, though POSIX means the process.
    """
    if sys.platform == "linux":
        os.nice(NICER)


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _fold(password: str) -> str:
    return _compose(password.casefold())


def _to_bytes(password: str) -> bytes:
    # A lone surrogate is in no stored password, but it may be tried: it is to fail like any other.
    return _compose(password).encode("utf-8", "surrogatepass")


def is_same(one: str, other: str) -> bool:
    """Tell whether the two are one password."""
    if max(len(one), len(other)) > _MAX_RAW_LENGTH:
        return one == other
    return _compose(one) == _compose(other)


def _is_name(password: str, name: str) -> bool:
    if is_same(password.casefold(), name.casefold()):
        return True
    try:
        return fold(normalise(password)) == fold(normalise(name))
    except InvalidName:
        return False


def _read_common_passwords() -> frozenset[str]:
    packed = Path(__file__).parent / "data" / "common_passwords.txt.gz"
    return frozenset(gzip.decompress(packed.read_bytes()).decode().splitlines())


# Read with the module, so that workers forked from a loaded service share it. In the form that is compared.
COMMON_PASSWORDS = _read_common_passwords()

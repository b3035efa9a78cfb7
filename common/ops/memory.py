"""Owns giving memory back to the system after a request that took much of it."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give back what is free.

    glibc keeps for a thread what that thread has freed, so each further thread with a large request would
    make the process grow by as much again.
    """
    with suppress(AttributeError, OSError):  # another C library, which has no such function
        ctypes.CDLL(None).malloc_trim(0)

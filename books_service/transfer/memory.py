"""Memory that a large request leaves behind."""

import ctypes
from contextlib import suppress


def trim_heap() -> None:
    """Give free memory back to the system.

    glibc keeps for a thread what that thread has freed, so each further thread with a large request would
    make the process grow by as much again.
    """
    with suppress(AttributeError, OSError):  # another C library, which has no such function
        ctypes.CDLL(None).malloc_trim(0)

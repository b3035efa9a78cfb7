"""Whether this process is about to stop: for a request that waits, under whatever server.

A server sets its own handler of SIGTERM, often after the application was made. The descriptor to which Python
writes the number of each signal is beside all handlers.
"""

import os
import signal
import threading
from contextlib import suppress

_reader: int | None = None  # of the pipe that the numbers are written to
_is_stopping = False


def watch_for_stop() -> None:
    """Notice a stop of this process from now on. Only a main thread can; a fork has to watch anew."""
    global _reader, _is_stopping  # noqa: PLW0603 - a process ends once
    if threading.current_thread() is not threading.main_thread():
        return
    _reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    _is_stopping = False
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)


def is_stopping() -> bool:
    global _is_stopping  # noqa: PLW0603 - a process ends once
    with suppress(BlockingIOError):  # no signal came
        if _reader is not None and signal.SIGTERM in os.read(_reader, 1024):
            _is_stopping = True
    return _is_stopping

"""Owns a program that runs as a process of its own, and that cannot outlive the one that started it."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

ANSWER_WAIT = 2  # seconds, which is what /readyz has
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """A Python module to run, and the address that answers 200 once it is ready, if it has one.

    One that stays writes logs, which go where ours go.
    """

    name: str
    arguments: Sequence[str]
    ready: str | None = None
    stays: bool = False


class Process:
    """A running program, leader of a group of its own: the terminal's Ctrl-C does not reach it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._output, pipe = os.pipe()
        os.set_blocking(self._output, False)
        self._popen = subprocess.Popen(
            [sys.executable, "-m", *program.arguments],
            stdin=subprocess.DEVNULL,
            stdout=None if program.stays else pipe,
            stderr=pipe,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # there are no threads that a fork could disturb
        )
        os.close(pipe)

    @property
    def status(self) -> int | None:
        """Return how it ended (0, a status, or minus a signal), or None while it runs."""
        return self._popen.poll()

    def read(self) -> bytes:
        """Return what it wrote since the last call."""
        try:
            return os.read(self._output, 2**16)
        except BlockingIOError:
            return b""

    def complaint(self) -> str | None:
        """Return why its address, if it has one, is not ready, or None if it is."""
        if self.program.ready is None:
            return None
        address = urlsplit(self.program.ready)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_WAIT)
        try:
            connection.request("GET", address.path)
            answer = connection.getresponse()
            return None if answer.status == 200 else f"{answer.status} {answer.read(500)!r}"
        except (OSError, HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()

    def terminate(self) -> None:
        """Ask it to finish what it does and to end; what it started is its own affair while it lives."""
        if self.status is None:
            self._popen.terminate()
        else:
            self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that it started, now."""
        self._signal_group(signal.SIGKILL)
        self._popen.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # nobody is left in it
            os.killpg(self._popen.pid, number)


def _end_with_parent() -> None:
    """Have the kernel send TERM to this process, about to become a program, when its parent is killed."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

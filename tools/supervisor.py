"""honcho with the Procfile, and what honcho 2.0 does not see to itself: that nothing outlives it."""

import ctypes
import os
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

HONCHO = [sys.executable, "-m", "honcho", "--no-prefix", "--env", os.devnull, "--procfile"]
STARTED = re.compile(rb"\w+\.1 started \(pid=(\d+)\)")
STOPPED = re.compile(rb"(\w+)\.1 stopped")
ENDING = re.compile(rb"sending SIG\w+ to \w+\.1|SIG\w+ received")
START_WAIT = 10  # seconds for honcho to start them
POLL = 0.5  # seconds
STDOUT = 1  # the file descriptor
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Supervisor:
    """A running honcho; leaving the context ends all that it started."""

    def __init__(self, procfile: str) -> None:
        self.ended = "honcho"  # or the process that ended first
        self._groups: list[int] = []  # of processes, one for each line of the Procfile
        self._processes = len(Path(procfile).read_text().splitlines())
        self._started = Event()
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        output, write_end = os.pipe()
        self._honcho = subprocess.Popen(
            [*HONCHO, procfile, "start"],
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            pass_fds=[output],  # honcho ends nothing if nobody could read that it does, as after a kill of us
            start_new_session=True,  # so that Ctrl-C arrives here alone
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # there are no threads that a fork could disturb
        )
        os.close(write_end)
        self._relay = Thread(target=self._pass_on, args=[output], daemon=True)
        self._relay.start()
        if os.isatty(STDOUT):
            Thread(target=_end_with_terminal, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._started.wait(START_WAIT)  # honcho breaks if one ends before it knows them all
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
        self._relay.join()

    def is_running(self) -> bool:
        return self._honcho.poll() is None

    def wait(self) -> None:
        """Wait until honcho ends, which it does as soon as one process has.

        A signal that comes just before a system call does not interrupt it, so none may take long.
        """
        while self.is_running():
            time.sleep(POLL)

    def _pass_on(self, output: int) -> None:
        """Pass on the lines of all processes, and note what honcho's own say, until every one has ended."""
        with open(output, "rb") as lines:
            for line in lines:
                if found := STARTED.match(line):
                    self._note_start(int(found[1]))
                elif found := STOPPED.match(line):
                    self._note_end(found[1].decode())
                elif not ENDING.match(line):
                    say(line)
        self._started.set()

    def _note_start(self, group: int) -> None:
        self._groups.append(group)
        if len(self._groups) == self._processes:
            self._started.set()

    def _note_end(self, name: str) -> None:
        if self.ended == "honcho":
            self.ended = name


def say(line: bytes) -> None:
    with suppress(OSError):  # nobody has to be reading
        os.write(STDOUT, line)


def _end_with_terminal() -> None:
    """End this process when its terminal is closed: HUP does not reach it under setsid, or is ignored."""
    terminal = select.poll()
    terminal.register(STDOUT, 0)  # a hang-up is reported even so
    terminal.poll()
    os.kill(os.getpid(), signal.SIGTERM)


def _end_with_parent() -> None:
    """Have the kernel send TERM to this process, about to become honcho, when its parent is killed."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

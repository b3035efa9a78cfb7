"""Owns processes that are started together and ended together, with none left behind.

One thread and one loop: signals are only noted where they arrive and acted upon between two steps.
"""

import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from tools.program import Process, Program

TICK = 0.05  # seconds between two looks at the processes
READY_WAIT = 60  # seconds for a service to answer its first request
STOP_WAIT = 60  # seconds to finish what is under way; gunicorn itself gives up before
ECHO = 0.5  # seconds in which a signal is the same one, sent to the group and passed on by make
TRACE = "Traceback (most recent call last):"


class Failure(Exception):
    """Something did not start or did not stay; the message is one line for a person."""


class Stopped(Exception):
    """Somebody asked for the end: Ctrl-C, TERM, or the terminal is gone."""


class Processes:
    """The processes that run; leaving the context ends them all."""

    def __init__(self) -> None:
        self._running: list[Process] = []
        self._kept: dict[Process, bytes] = {}  # what each wrote before everything was ready
        self._signals: list[float] = []  # when they arrived
        self._ready = False

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as it is under nohup
            signal.signal(signal.SIGHUP, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running:
            process.terminate()
        deadline = time.monotonic() + STOP_WAIT
        while any(process.status is None for process in self._running):
            if time.monotonic() > deadline or self._asked_again():
                break
            self._pause()
        for process in self._running:
            process.kill()

    def run(self, programs: Sequence[Program]) -> None:
        """Run programs side by side to their ends, silently; raise `Failure` with what a failed one said."""
        processes = self._start(programs)
        while any(process.status is None for process in processes):
            self._look()
            self._refuse_failed(processes)
        self._refuse_failed(processes)
        for process in processes:
            self._running.remove(process)

    def start(self, programs: Sequence[Program]) -> None:
        """Start programs side by side and return when all are ready; raise `Failure` if one ends instead."""
        waiting = self._start(programs)
        deadline = time.monotonic() + READY_WAIT
        while waiting:
            self._look()
            self._refuse_ended()
            if complaint := waiting[0].complaint():
                if time.monotonic() > deadline:
                    raise Failure(f"{waiting[0].program.name} is not ready after {READY_WAIT} s: {complaint}")
            else:
                waiting.pop(0)
        self._ready = True

    def wait(self) -> None:
        """Wait until a signal arrives (`Stopped`) or a process ends (`Failure`)."""
        while True:
            self._look()
            self._refuse_ended()

    def _start(self, programs: Sequence[Program]) -> list[Process]:
        processes = []
        for program in programs:
            processes.append(Process(program))
            self._running.append(processes[-1])
        return processes

    def _refuse_failed(self, processes: Sequence[Process]) -> None:
        for process in processes:
            if process.status:
                raise Failure(f"{process.program.name}: {self._complaint(process)}")

    def _refuse_ended(self) -> None:
        for process in self._running:
            if process.status is not None:
                raise Failure(f"{process.program.name} ended: {self._complaint(process)}")

    def _complaint(self, process: Process) -> str:
        """Return the line that says why it ended: the last, or of a trace the first behind its frames."""
        self._relay(process)
        text = self._kept.get(process, b"").decode(errors="replace")
        lines = [line for line in text.rpartition(TRACE)[2].splitlines() if line.strip()]
        if TRACE in text:
            lines = [line for line in lines if not line.startswith(" ")][:1]
        return lines[-1].strip() if lines else f"status {process.status}"

    def _look(self) -> None:
        """Let some time pass, and pass on what arrived in it."""
        self._pause()
        if self._signals:
            raise Stopped

    def _pause(self) -> None:
        time.sleep(TICK)
        for process in self._running:
            self._relay(process)

    def _relay(self, process: Process) -> None:
        """Keep what a process wrote until all are ready, then pass it on."""
        self._kept[process] = self._kept.get(process, b"") + process.read()
        if self._ready:
            with suppress(OSError):  # nobody has to be reading
                sys.stderr.buffer.write(self._kept.pop(process))
                sys.stderr.flush()

    def _note(self, _: int, __: FrameType | None) -> None:
        self._signals.append(time.monotonic())

    def _asked_again(self) -> bool:
        return bool(self._signals) and self._signals[-1] - self._signals[0] > ECHO

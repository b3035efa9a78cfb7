"""Followers of a test's own, to be killed."""

import signal
from typing import Self

from tests.programs import Program
from tests.served import ServedPair


class Followers:
    """The followers of a pair's books database."""

    def __init__(self, pair: ServedPair) -> None:
        self._pair = pair
        self._running: list[Program] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in tuple(self._running):
            self.kill(process)

    def start(self, name: str = "follower", **settings: str) -> Program:
        """Start one that logs to the file of this name."""
        words = ("flask", "--app", "books_service", "follow")
        environment = self._pair.environment | settings
        process = Program(*words, environment=environment, output=self._pair.log(name))
        self._running.append(process)
        return process

    def kill(self, process: Program) -> None:
        """End it with KILL."""
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._running.remove(process)

    def events(self, name: str = "follower") -> str:
        """Return what it logged."""
        path = self._pair.log(name)
        return path.read_text() if path.exists() else ""

"""Followers of a test's own, to be killed: forked from a process that has imported the service already."""

import os
import sys
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from flask.cli import cli

from tests.pair import Pair
from tests.resilience.alone import forks


class Followers:
    """The followers of a pair's books database."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._running: list[BaseProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in tuple(self._running):
            self.kill(process)

    def start(self, name: str = "follower", **settings: str) -> BaseProcess:
        """Start one that logs to the file of this name."""
        arguments = (self._pair.environment | settings, self._pair.log(name))
        process = forks.Process(target=_follow, args=arguments)
        process.start()
        self._running.append(process)
        return process

    def kill(self, process: BaseProcess) -> None:
        """End it with KILL."""
        process.kill()
        process.join()
        self._running.remove(process)

    def events(self, name: str = "follower") -> str:
        """Return what it logged."""
        path = self._pair.log(name)
        return path.read_text() if path.exists() else ""


def _follow(environment: Mapping[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(file, number)
    cli.main(args=["--app", "books_service", "follow"], prog_name="flask")

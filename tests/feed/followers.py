"""Followers: one that hears what there is and is done, and programs, to be killed."""

import signal
from typing import Self

import pytest

from common.feed.cli import database
from common.feed.client import FeedClient
from common.feed.follower import Follower
from common.tokens.keys import load_keys
from tests.api import new_session
from tests.pair import Pair
from tests.programs import Program
from tests.served import ServedPair


@pytest.fixture
def pair(own_pair: Pair) -> Pair:
    """Both services in this process; a module that imports this has one for each test, its feed empty."""
    return own_pair.start()


def client_of(pair: Pair, service: str = "books") -> FeedClient:
    """Return the feed as a follower of the service reads it, in this process."""
    keys = load_keys(pair.apps[service].extensions["settings"])
    return FeedClient(pair.url("auth"), keys, service=service, session=new_session())


def follow_once(
    pair: Pair, service: str = "books", *, polls: int = 1, follower: Follower | None = None
) -> Follower:
    """Poll auth once, as a follower that has just started or this one, and apply what comes; return it."""
    app, client = pair.apps[service], client_of(pair, service)
    with app.app_context(), database().read() as connection:
        settings, data = app.extensions["settings"], app.extensions["user_data"]
        follower = follower or Follower(settings, client, database(), data)
        for _ in range(polls):
            follower.poll(connection)
    return follower


class Followers:
    """The followers of a pair's books database, each a program."""

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

    def kill(self, process: Program, number: int = signal.SIGKILL) -> None:
        """End it with a signal."""
        process.send_signal(number)
        process.wait()
        self._running.remove(process)

    def events(self, name: str = "follower") -> str:
        """Return what it logged."""
        path = self._pair.log(name)
        return path.read_text() if path.exists() else ""

"""A follower that hears what there is and is done."""

import pytest

from common.feed.cli import database
from common.feed.client import FeedClient
from common.feed.follower import Follower
from common.tokens.keys import load_keys
from tests.api import new_session
from tests.pair import Pair


@pytest.fixture
def pair(own_pair: Pair) -> Pair:
    """Both services in this process; a module that imports this has one for each test, its feed empty."""
    return own_pair.start()


def follow_once(
    pair: Pair, service: str = "books", *, polls: int = 1, follower: Follower | None = None
) -> Follower:
    """Poll auth once, as a follower that has just started or this one, and apply what comes; return it."""
    app = pair.apps[service]
    with app.app_context(), database().read() as connection:
        settings, data = app.extensions["settings"], app.extensions["user_data"]
        client = FeedClient(pair.url("auth"), load_keys(settings), service=service, session=new_session())
        follower = follower or Follower(settings, client, database(), data)
        for _ in range(polls):
            follower.poll(connection)
    return follower

"""How the feed is, as /readyz and the metrics of books tell it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import api, served
from tests.cases import every
from tests.feed.tellers import Shelves, Teller
from tests.pair import Pair
from tests.resilience.crowd import metric
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

pair = served.pair  # its servers are what is tested


def readiness(pair: Pair) -> tuple[int, Any]:
    answer = api.get(pair.url("books") + "/readyz")
    return answer.status_code, answer.json()["checks"]["feed"]


def age(pair: Pair) -> float:
    """Return the seconds since auth was heard of, as /readyz tells them."""
    age = api.get(pair.url("books") + "/readyz").json()["checks"]["feed_age"]
    return float(age)


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
@every(
    "max_age, seconds, status, state",
    [("0", 1, 200, "ok"), ("0", 100, 200, "degraded"), ("60", 100, 503, "failing")],
)
def test_readiness_tells_how_long_nothing_was_heard(
    own_pair: Pair, monkeypatch: pytest.MonkeyPatch, max_age: str, seconds: int, status: int, state: str
) -> None:
    with Shelves(own_pair.environment, monkeypatch) as shelves:
        heard_at = datetime.now(UTC) - timedelta(seconds=seconds)
        shelves.execute("UPDATE feed SET heard_at = :at", at=heard_at.strftime("%Y-%m-%d %H:%M:%S"))

    own_pair.environment["FEED_MAX_AGE"] = max_age
    own_pair.start("books")

    assert readiness(own_pair) == (status, state)
    assert seconds <= age(own_pair) < seconds + 60


def test_readiness_and_metrics_follow_the_feed(pair: ServedPair, teller: Teller, shelves: Shelves) -> None:
    pair.start(FOLLOWER)
    wait_until(lambda: shelves.feed().cursor == teller.last(), "what others told is applied")
    before = shelves.feed()
    teller.end("a-session-of-the-metrics")
    teller.delete("a-user-of-the-metrics")
    wait_until(lambda: shelves.feed().cursor == teller.last(), "both are applied")

    def counted() -> bool:
        ended = metric(pair, "books", 'feed_events_applied{type="session.ended"}')
        deleted = metric(pair, "books", 'feed_events_applied{type="user.deleted"}')
        return (ended, deleted) == (before.sessions_ended + 1, before.users_deleted + 1)

    wait_until(counted, "both are counted")
    assert 0 <= metric(pair, "books", "feed_lag_seconds") < 30
    wait_until(lambda: 0 <= metric(pair, "books", "feed_age_seconds") < 30, "auth is heard of")
    wait_until(lambda: readiness(pair) == (200, "ok"), "every worker has looked")
    pair.stop(FOLLOWER)

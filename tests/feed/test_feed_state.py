"""How the feed is, as /readyz and the metrics of books tell it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import api, served
from tests.feed.tellers import Shelves, Teller
from tests.resilience.crowd import metric
from tests.served import ServedPair
from tests.waiting import wait_until

pair = served.pair  # its servers are what is tested


def hear(shelves: Shelves, *, seconds_ago: int) -> None:
    """Have auth been heard of so long ago."""
    heard_at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    shelves.execute("UPDATE feed SET heard_at = :at", at=heard_at.strftime("%Y-%m-%d %H:%M:%S"))


def readiness(pair: ServedPair) -> tuple[int, Any]:
    answer = api.get(pair.url("books") + "/readyz", timeout=30)
    return answer.status_code, answer.json()["checks"]["feed"]


def age(pair: ServedPair) -> float:
    """Return the seconds since auth was heard of, as /readyz tells them."""
    told = api.get(pair.url("books") + "/readyz", timeout=30).json()["checks"]["feed_age"]
    return float(told)


@pytest.mark.parametrize(
    ("max_age", "seconds_ago", "expected"),
    [
        ("0", 1, (200, "ok")),
        ("0", 100, (200, "degraded")),
        ("60", 100, (503, "failing")),
    ],
)
@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_readiness_tells_how_long_nothing_was_heard(
    own_served_pair: ServedPair,
    own_shelves: Shelves,
    max_age: str,
    seconds_ago: int,
    expected: tuple[int, str],
) -> None:
    own_served_pair.environment |= {"FEED_MAX_AGE": max_age, "WEB_CONCURRENCY": "1"}
    hear(own_shelves, seconds_ago=seconds_ago)
    own_served_pair.start("books")

    assert readiness(own_served_pair) == expected
    assert seconds_ago <= age(own_served_pair) < seconds_ago + 60


def test_readiness_and_metrics_follow_the_feed(
    followed: ServedPair, teller: Teller, shelves: Shelves
) -> None:
    wait_until(lambda: shelves.feed().cursor == teller.last(), "what others told is applied")
    before = shelves.feed()
    teller.end("a-session-of-the-metrics")
    teller.delete("a-user-of-the-metrics")
    wait_until(lambda: shelves.feed().cursor == teller.last(), "both are applied")

    def counted() -> bool:
        ended = metric(followed, "books", 'feed_events_applied{type="session.ended"}')
        deleted = metric(followed, "books", 'feed_events_applied{type="user.deleted"}')
        return (ended, deleted) == (before.sessions_ended + 1, before.users_deleted + 1)

    wait_until(counted, "both are counted")
    assert 0 <= metric(followed, "books", "feed_lag_seconds") < 30
    wait_until(lambda: 0 <= metric(followed, "books", "feed_age_seconds") < 30, "auth is heard of")
    wait_until(lambda: readiness(followed) == (200, "ok"), "every worker has looked")

"""Followers as programs: one is at work, and kills lose nothing."""

import os
import random
import signal
import time
import uuid

import pytest

from tests import api
from tests.feed.ends import leave, refused_everywhere
from tests.feed.followers import Followers
from tests.feed.tellers import Shelves, Teller
from tests.people import register
from tests.ports import free_port
from tests.served import ServedPair
from tests.waiting import wait_until

KILLS = int(os.environ.get("BOOKSTORE_TEST_FOLLOWER_KILLS", "4"))
DELETIONS = 10  # a kill


@pytest.fixture
def pair(own_served_pair: ServedPair) -> ServedPair:
    """Return the services of a test's own, of which auth is started."""
    return own_served_pair.start("auth")


def test_of_two_followers_one_is_at_work(
    pair: ServedPair, teller: Teller, shelves: Shelves, followers: Followers
) -> None:
    ports = free_port(), free_port()
    first = followers.start("first", FOLLOWER_METRICS_PORT=str(ports[0]))
    wait_until(lambda: "feed_followed" in followers.events("first"), "the first is at work")
    heartbeat = pair.folder / "heartbeat"
    second = followers.start("second", FOLLOWER_HEARTBEAT=str(heartbeat), FOLLOWER_METRICS_PORT=str(ports[1]))
    wait_until(heartbeat.exists, "the second runs")
    teller.end("a-session")
    wait_until(lambda: shelves.feed().cursor == 1, "it is applied")
    assert second.poll() is None
    assert [metrics(port) & {"feed_leader 1.0", "feed_events_total 1.0"} for port in ports] == [
        {"feed_leader 1.0", "feed_events_total 1.0"},
        set(),
    ]
    assert 'feed_polls_total{outcome="database_unavailable"} 0.0' in metrics(ports[1])
    assert followers.events("second") == ""

    followers.kill(first)
    teller.end("another-session")

    wait_until(lambda: "feed_applied" in followers.events("second"), "the second applies it")
    assert shelves.feed().cursor == 2


def metrics(port: int) -> set[str]:
    return set(api.get(f"http://127.0.0.1:{port}/metrics").text.splitlines())


def test_the_log_says_that_auth_went_and_that_it_is_back(
    pair: ServedPair, shelves: Shelves, followers: Followers
) -> None:
    followers.start()
    wait_until(lambda: shelves.feed().heard_at, "auth was there")

    pair.stop("auth")
    wait_until(lambda: "feed_away" in followers.events(), "it notices")
    pair.start("auth")

    wait_until(lambda: "feed_back" in followers.events(), "it says so")
    assert followers.events().count("feed_back") == 1


@pytest.mark.slow
def test_kills_lose_no_event_and_apply_none_twice(
    teller: Teller, shelves: Shelves, followers: Followers
) -> None:
    gone = [str(uuid.uuid4()) for _ in range(KILLS * DELETIONS)]
    stay = [str(uuid.uuid4()) for _ in range(20)]
    for owner in gone + stay:
        shelves.fill(owner, 3)
    for start in range(0, len(gone), DELETIONS):
        follower = followers.start()
        for owner in gone[start : start + DELETIONS]:
            teller.delete(owner)
            time.sleep(random.uniform(0, 0.06))
        followers.kill(follower)

    followers.start()

    wait_until(lambda: shelves.feed().cursor == len(gone), "all is applied")
    assert shelves.feed().users_deleted == len(gone)
    assert shelves.execute("SELECT count(*) AS count FROM deleted_users")[0].count == len(gone)
    assert shelves.execute("SELECT count(*) AS count FROM books")[0].count == 3 * len(stay)


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # the same on both
def test_a_follower_ahead_of_a_restored_feed_begins_again_as_after_a_reset_and_ends_at_term(
    pair: ServedPair, teller: Teller, shelves: Shelves, followers: Followers
) -> None:
    person = register(pair.start("books"))
    person.add_book()
    shelves.execute("UPDATE feed SET cursor = 1000")
    follower = followers.start()
    wait_until(lambda: "feed_begun_again" in followers.events(), "it says so")
    leave(person)
    wait_until(lambda: shelves.feed().cursor == teller.last(), "it goes on")
    wait_until(lambda: shelves.count(person.public_id) == 0, "the books are deleted")
    wait_until(lambda: refused_everywhere(person), "every worker hears of it")

    assert pair.run("books", "feed", "reset") == "done"

    wait_until(lambda: "2 user.deleted" in pair.run("books", "feed", "show"), "it is applied again")
    followers.kill(follower, signal.SIGTERM)
    assert follower.returncode == 0
    assert "Traceback" not in followers.events()


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_a_leader_that_loses_its_lock_notices_and_asks_for_it_again(
    pair: ServedPair, shelves: Shelves, followers: Followers
) -> None:
    pair.start("auth")
    followers.start()
    wait_until(lambda: "feed_followed" in followers.events(), "it leads")

    shelves.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )

    wait_until(lambda: followers.events().count("feed_followed") == 2, "it leads again")
    assert "feed_database_away" in followers.events()

"""Followers as programs: one is at work, and kills lose nothing."""

import os
import signal
import uuid
from itertools import islice

from tests import api
from tests.cases import own_on_postgresql, own_on_sqlite
from tests.feed.followers import Followers
from tests.feed.tellers import Shelves, Teller
from tests.ports import free_port
from tests.served import ServedPair
from tests.waiting import wait_until

KILLS = int(os.environ.get("BOOKSTORE_TEST_FOLLOWER_KILLS", "2"))
DELETIONS = 20  # a kill


def test_of_two_followers_one_is_at_work(
    own_served_pair: ServedPair, teller: Teller, shelves: Shelves, followers: Followers
) -> None:
    own_served_pair.start("auth")
    ports = free_port(), free_port()
    first = followers.start("first", FOLLOWER_METRICS_PORT=str(ports[0]))
    wait_until(lambda: "feed_followed" in followers.events("first"), "the first is at work")
    heartbeat = own_served_pair.folder / "heartbeat"
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
    followers.kill(second, signal.SIGTERM)
    assert second.returncode == 0
    assert "Traceback" not in followers.events("second")


def metrics(port: int) -> set[str]:
    return set(api.get(f"http://127.0.0.1:{port}/metrics").text.splitlines())


@own_on_sqlite  # on PostgreSQL one is killed in test_restored_auth.py
def test_kills_lose_no_event_and_apply_none_twice(
    own_served_pair: ServedPair, teller: Teller, shelves: Shelves, followers: Followers
) -> None:
    own_served_pair.start("auth")
    gone = [str(uuid.uuid4()) for _ in range(KILLS * DELETIONS)]
    stay = [str(uuid.uuid4()) for _ in range(20)]
    for owner in gone + stay:
        shelves.fill(owner, 3)
    leaving = iter(gone)
    for _ in range(KILLS):
        follower = followers.start()
        teller.delete(next(leaving))
        wait_until(lambda: shelves.feed().cursor == teller.last(), "it is at work")
        for owner in islice(leaving, DELETIONS - 1):
            teller.delete(owner)
        followers.kill(follower)  # while it applies the last of them

    followers.start()

    wait_until(lambda: shelves.feed().cursor == len(gone), "all is applied")
    assert shelves.feed().users_deleted == len(gone)
    assert shelves.execute("SELECT count(*) AS count FROM deleted_users")[0].count == len(gone)
    assert shelves.execute("SELECT count(*) AS count FROM books")[0].count == 3 * len(stay)


@own_on_postgresql
def test_a_leader_that_loses_its_lock_notices_and_asks_for_it_again(
    shelves: Shelves, followers: Followers
) -> None:
    followers.start()
    wait_until(lambda: "feed_followed" in followers.events(), "it leads")

    shelves.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )

    wait_until(lambda: followers.events().count("feed_followed") == 2, "it leads again")
    assert "feed_database_away" in followers.events()

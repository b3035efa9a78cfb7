"""Followers as programs: one is at work. That a kill loses nothing is in tests/e2e/test_kills.py."""

import signal

from tests import api
from tests.cases import own_on_postgresql
from tests.feed.ends import log_out, refused_everywhere
from tests.feed.tellers import Shelves, Teller
from tests.people import register
from tests.ports import free_port
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

SECOND = f"{FOLLOWER}-2"


def test_of_two_followers_one_is_at_work(
    own_served_pair: ServedPair, teller: Teller, shelves: Shelves
) -> None:
    pair, heartbeat = own_served_pair.start(), own_served_pair.folder / "heartbeat"
    ports, leads = (free_port(), free_port()), {"feed_leader 1.0", "feed_events_total 1.0"}
    pair.environment["FOLLOWER_METRICS_PORT"] = str(ports[0])
    pair.start(FOLLOWER)
    wait_until(lambda: pair.has_logged("feed_followed"), "the first is at work")
    pair.environment |= {"FOLLOWER_HEARTBEAT": str(heartbeat), "FOLLOWER_METRICS_PORT": str(ports[1])}
    second = pair.start(SECOND).processes[SECOND]
    wait_until(heartbeat.exists, "the second runs")
    person = register(pair)
    log_out(person)
    wait_until(lambda: refused_everywhere(person), "each worker of books hears of it")
    of_books, applied = pair.metrics_ports["books"], 'feed_events_applied{type="session.ended"} 1.0'
    wait_until(lambda: applied in metrics(of_books), "books counts it")
    told = dict(line.split() for line in metrics(of_books) if line.startswith(("feed_age_", "feed_lag_")))
    assert told.keys() == {"feed_age_seconds", "feed_lag_seconds"}
    assert all(0 < float(seconds) < 30 for seconds in told.values())
    assert second.poll() is None
    assert [metrics(port) & leads for port in ports] == [leads, set()]
    assert 'feed_polls_total{outcome="database_unavailable"} 0.0' in metrics(ports[1])
    assert pair.log(SECOND).read_text() == ""

    pair.stop(FOLLOWER, number=signal.SIGKILL)
    teller.end("another-session")

    wait_until(lambda: pair.has_logged("feed_applied", SECOND), "the second applies it")
    assert shelves.feed().cursor == 2
    pair.stop(SECOND)
    assert second.returncode == 0
    assert not pair.has_logged("Traceback", SECOND)


def metrics(port: int) -> set[str]:
    return set(api.get(f"http://127.0.0.1:{port}/metrics").text.splitlines())


@own_on_postgresql
def test_a_leader_that_loses_its_lock_notices_and_asks_for_it_again(
    own_served_pair: ServedPair, shelves: Shelves
) -> None:
    own_served_pair.start(FOLLOWER)
    wait_until(lambda: own_served_pair.has_logged("feed_followed"), "it leads")

    shelves.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )

    log = own_served_pair.log(FOLLOWER)
    wait_until(lambda: log.read_text().count("feed_followed") == 2, "it leads again")
    assert own_served_pair.has_logged("feed_database_away")

"""GET /events: what it tells, in which order, and how it waits without being in anybody's way."""

import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
import requests

from tests import api
from tests.conftest import keys_of
from tests.feed import service_tokens
from tests.feed.service_tokens import service_token
from tests.feed.tellers import Teller
from tests.pair import Pair
from tests.people import assert_problem, complaints
from tests.served import ServedPair
from tests.waiting import wait_until

on_sqlite = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # waiting is the same everywhere


def ask(pair: Pair, **query: Any) -> requests.Response:
    return service_tokens.ask(pair, service_token(keys_of(pair)[0]), **query)


def told(pair: Pair, **query: Any) -> dict[str, Any]:
    answer = ask(pair, **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def test_a_session_that_ended_is_told_with_the_end_of_its_last_token(pair: Pair, teller: Teller) -> None:
    before, session = teller.last(), str(uuid.uuid4())
    teller.end(session)

    answer = told(pair, after=before)

    (event,) = answer["events"]
    assert set(event) == {"id", "type", "at", "sid", "until"}
    assert (event["id"], event["type"], event["sid"]) == (before + 1, "session.ended", session)
    assert moment(event["until"]) - moment(event["at"]) == timedelta(seconds=2700 + 30)
    assert abs(moment(event["at"]) - datetime.now(UTC)) < timedelta(seconds=60)
    assert answer["last"] == before + 1


def test_a_user_who_was_deleted_is_told_by_public_id(pair: Pair, teller: Teller) -> None:
    before, public_id = teller.last(), str(uuid.uuid4())
    teller.delete(public_id)

    (event,) = told(pair, after=before)["events"]

    assert set(event) == {"id", "type", "at", "public_id"}
    assert (event["type"], event["public_id"]) == ("user.deleted", public_id)


def test_nothing_to_tell_leaves_the_cursor_where_it_was(pair: Pair, teller: Teller) -> None:
    assert told(pair, after=teller.last()) == {"events": [], "last": teller.last()}


def test_pages_tell_every_event_once_and_in_order(pair: Pair, teller: Teller) -> None:
    first, sessions = teller.last(), [str(uuid.uuid4()) for _ in range(7)]
    teller.end(*sessions)

    found, cursor = [], first
    while events := (page := told(pair, after=cursor, limit=3))["events"]:
        found += events
        cursor = page["last"]

    assert [event["sid"] for event in found] == sessions
    assert [event["id"] for event in found] == list(range(first + 1, first + 8))


def test_an_end_of_no_session_is_no_event(pair: Pair, teller: Teller) -> None:
    before = teller.last()
    teller.end()

    assert told(pair, after=before)["events"] == []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"after": "-1"}, ["after"]),
        ({"after": str(2**63)}, ["after"]),
        ({"after": "x", "wait": "31"}, ["after", "wait"]),
        ({"wait": "-1"}, ["wait"]),
        ({"wait": "0.5"}, ["wait"]),
        ({"limit": "0"}, ["limit"]),
        ({"limit": "1001"}, ["limit"]),
        ({"since": "1"}, ["since"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")
def test_a_query_that_breaks_a_rule_is_refused(pair: Pair, query: dict[str, str], wrong: list[str]) -> None:
    assert sorted(complaints(ask(pair, **query))) == wrong


def test_a_cursor_older_than_what_is_kept_is_told_what_to_do(own_pair: Pair, own_teller: Teller) -> None:
    own_pair.start("auth")
    own_teller.end(*(str(uuid.uuid4()) for _ in range(3)))
    gone = str(uuid.uuid4())
    own_teller.delete(gone)
    own_teller.execute("UPDATE events SET at = '2020-01-01 00:00:00'")
    assert own_teller.app.test_cli_runner().invoke(args=["events", "purge"]).output == "3 deleted\n"

    for cursor in (1, 2):
        assert "feed reset" in assert_problem(ask(own_pair, after=cursor), 410)["detail"]
    assert told(own_pair, after=3)["events"][0]["public_id"] == gone
    assert [event["id"] for event in told(own_pair, after=0)["events"]] == [4]  # kept for good


@pytest.mark.parametrize("wait", [0, 30])
def test_a_cursor_ahead_of_the_feed_is_told_at_once_where_it_ends(
    pair: Pair, teller: Teller, wait: int
) -> None:
    teller.end(str(uuid.uuid4()))
    last = teller.last()
    assert ask(pair, after=last).headers["Feed-End"] == str(last)

    for cursor in (last + 1000, 2**63 - 1):
        answer = ask(pair, after=cursor, wait=wait)
        assert answer.json() == {"events": [], "last": cursor}
        assert int(answer.headers["Feed-End"]) < cursor
        assert answer.elapsed < timedelta(seconds=20)  # it did not wait


def test_old_events_are_purged_as_new_ones_are_written(own_teller: Teller) -> None:
    own_teller.end(*(str(uuid.uuid4()) for _ in range(90)))
    own_teller.execute("UPDATE events SET at = '2020-01-01 00:00:00'")

    own_teller.end(*(str(uuid.uuid4()) for _ in range(20)))

    assert own_teller.execute("SELECT min(id) AS lowest FROM events")[0].lowest == 91
    assert own_teller.execute("SELECT last, purged FROM feed")[0] == (110, 90)


def test_a_request_that_waits_is_answered_when_there_is_something(pair: Pair, teller: Teller) -> None:
    before = teller.last()
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(told, pair, after=before, wait=30)
        teller.end("a-session")

    assert [event["sid"] for event in answer.result()["events"]] == ["a-session"]


@on_sqlite
def test_many_that_wait_hold_no_connection_and_no_thread_that_others_need(
    own_served_pair: ServedPair, own_teller: Teller
) -> None:
    own_served_pair.environment |= {
        "WEB_CONCURRENCY": "1",
        "THREADS": "64",
    }  # 16 may wait; there are 10 connections
    own_served_pair.start("auth")
    with ThreadPoolExecutor(24) as threads:
        waiting = [threads.submit(told, own_served_pair, wait=30) for _ in range(24)]
        wait_until(lambda: len(done(waiting)) == 8, "those who may not wait are answered at once")
        assert api.get(own_served_pair.url("auth") + "/readyz", timeout=30).json()["status"] == "ok"
        assert len(done(waiting)) == 8
        own_teller.end("a-session")

    assert sorted(len(each.result()["events"]) for each in waiting) == [0] * 8 + [1] * 16


@on_sqlite
def test_a_request_that_waits_does_not_delay_a_stop(own_served_pair: ServedPair) -> None:
    own_served_pair.start("auth")
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(told, own_served_pair, wait=30) for _ in range(4)]
        wait_until(lambda: connections(own_served_pair) == 4, "the requests have arrived")
        begun = time.monotonic()
        own_served_pair.stop("auth")

        assert time.monotonic() - begun < 20  # the wait was 30 s, and gunicorn cuts it after 25
    assert [each.result() for each in waiting] == [{"events": [], "last": 0}] * 4


def connections(pair: ServedPair) -> int:
    """Return how many connections the workers of auth have accepted."""
    workers = psutil.Process(pair.processes["auth"].pid).children()
    port = pair.ports["auth"]
    return sum(
        each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port
        for worker in workers
        for each in worker.net_connections()
    )


def done(waiting: list[Future[Any]]) -> list[Future[Any]]:
    return [each for each in waiting if each.done()]

"""GET /events: what it tells, in which order, and how it waits without being in anybody's way."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import requests
from sqlalchemy import text

from auth_service import events
from tests import api
from tests.cases import every, own_on_postgresql, own_on_sqlite
from tests.conftest import keys_of
from tests.feed import followers, service_tokens
from tests.feed.service_tokens import service_token
from tests.feed.tellers import Teller
from tests.pair import Pair
from tests.people import assert_problem, complaints
from tests.served import ServedPair
from tests.waiting import wait_until

pair = followers.pair

OUTDATE = "UPDATE events SET at = '2020-01-01 00:00:00'"
WAITING = "SELECT count(*) AS count FROM pg_locks WHERE NOT granted"


def ask(pair: Pair, **query: Any) -> requests.Response:
    return service_tokens.ask(pair, service_token(keys_of(pair)[0]), **query)


def told(pair: Pair, **query: Any) -> dict[str, Any]:
    answer = ask(pair, **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_request_that_waits_is_answered_with_the_epoch_of_what_there_is(pair: Pair, teller: Teller) -> None:
    before = told(pair)["epoch"]
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(ask, pair, wait=30)
        with teller.write() as connection:
            events.session_ended(connection, ["a-session"])
            connection.execute(text("UPDATE feed SET epoch = 'another'"))

    page = waiting.result().json()
    assert [event["sid"] for event in page["events"]] == ["a-session"]
    assert page["epoch"].startswith("another")
    assert page["epoch"] != before
    assert waiting.result().elapsed < timedelta(seconds=10)  # of the 30


def moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def test_an_event_tells_what_ended_with_the_end_of_its_last_token(pair: Pair, teller: Teller) -> None:
    empty = told(pair)
    assert empty == {"events": [], "last": 0, "epoch": empty["epoch"]}
    teller.end()  # of no session
    teller.end("a-session")
    teller.delete("somebody")

    answer = told(pair)

    session, user = answer["events"]
    assert set(session) == {"id", "type", "at", "sid", "until"}
    assert (session["id"], session["type"], session["sid"]) == (1, "session.ended", "a-session")
    assert moment(session["until"]) - moment(session["at"]) == timedelta(seconds=2700 + 30)
    assert abs(moment(session["at"]) - datetime.now(UTC)) < timedelta(seconds=60)
    assert set(user) == {"id", "type", "at", "public_id"}
    assert (user["id"], user["type"], user["public_id"]) == (2, "user.deleted", "somebody")
    assert answer["last"] == 2


def test_pages_tell_every_event_once_and_in_order(pair: Pair, teller: Teller) -> None:
    sessions = [f"session-{number}" for number in range(7)]
    with teller.write() as connection:
        events.session_ended(connection, ["lost"])
        connection.rollback()  # which leaves no gap
    teller.end(*sessions)

    found, cursor = [], 0
    while part := (page := told(pair, after=cursor, limit=3))["events"]:
        found += part
        cursor = page["last"]

    assert [(event["id"], event["sid"]) for event in found] == list(enumerate(sessions, 1))
    assert page["last"] == 7


@own_on_postgresql  # SQLite has one writer
def test_no_event_appears_before_one_whose_transaction_is_held_open(pair: Pair, teller: Teller) -> None:
    with ThreadPoolExecutor() as threads, teller.write() as connection:
        events.session_ended(connection, ["first"])
        second = threads.submit(teller.end, "second")
        wait_until(lambda: teller.execute(WAITING)[0].count, "the second waits")
        assert told(pair)["events"] == []
        assert not second.done()

    assert [event["sid"] for event in told(pair)["events"]] == ["first", "second"]


@own_on_sqlite
@every(
    "query, wrong",
    [({name: value}, [name]) for name, value in (("after", "-1"), ("after", str(2**63)), ("wait", "-1"))]
    + [({name: value}, [name]) for name, value in (("wait", "0.5"), ("limit", "0"), ("limit", "1001"))]
    + [({"since": "1"}, ["since"]), ({"after": "x", "wait": "31"}, ["after", "wait"])],
)
def test_a_query_that_breaks_a_rule_is_refused(pair: Pair, query: dict[str, str], wrong: list[str]) -> None:
    assert sorted(complaints(ask(pair, **query))) == wrong


def test_old_events_are_purged_and_a_cursor_before_them_is_told_what_to_do(
    pair: Pair, teller: Teller
) -> None:
    teller.end("1", "2", "3")
    teller.delete("gone")
    teller.execute(OUTDATE)
    assert pair.run("auth", "events", "purge") == "3 deleted"

    for cursor in (1, 2):
        assert "read again from 0" in assert_problem(ask(pair, after=cursor), 410)["detail"]
    assert told(pair, after=3)["events"][0]["public_id"] == "gone"
    assert [event["id"] for event in told(pair, after=0)["events"]] == [4]  # kept for good

    teller.end(*map(str, range(90)))
    teller.execute(OUTDATE)
    teller.end(*map(str, range(20)))  # as new ones are written, old ones go
    assert teller.execute("SELECT last, purged FROM feed")[0] == (114, 94)


@every("wait", [0, 30])
def test_a_cursor_ahead_of_the_feed_is_told_at_once_where_it_ends(
    pair: Pair, teller: Teller, wait: int
) -> None:
    teller.end("a-session")
    last = teller.last()
    assert ask(pair, after=last).headers["Feed-End"] == str(last)

    for cursor in (last + 1000, 2**63 - 1):
        answer = ask(pair, after=cursor, wait=wait)
        assert answer.json() == {"events": [], "last": cursor, "epoch": told(pair)["epoch"]}
        assert int(answer.headers["Feed-End"]) < cursor
        assert answer.elapsed < timedelta(seconds=20)  # it did not wait


@own_on_sqlite
def test_many_that_wait_hold_no_connection_and_no_thread_that_others_need(pair: Pair, teller: Teller) -> None:
    auth = pair.variant(THREADS="64")  # 16 may wait; there are 10 connections
    with ThreadPoolExecutor(24) as threads:
        waiting = [threads.submit(told, auth, wait=30) for _ in range(24)]
        wait_until(lambda: sum(map(Future.done, waiting)) == 8, "those who may not wait are answered at once")
        assert api.get(auth.url("auth") + "/readyz").json()["status"] == "ok"
        assert sum(map(Future.done, waiting)) == 8
        teller.end("a-session")

    assert sorted(len(each.result()["events"]) for each in waiting) == [0] * 8 + [1] * 16


@own_on_sqlite
def test_a_request_that_waits_does_not_delay_a_stop(own_served_pair: ServedPair) -> None:
    own_served_pair.start("auth")
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(told, own_served_pair, wait=30) for _ in range(4)]
        wait_until(lambda: connections(own_served_pair) == 4, "the requests have arrived")
        own_served_pair.stop("auth")

    assert [each.result()["events"] for each in waiting] == [[]] * 4  # gunicorn would cut them after 25 s


def connections(pair: ServedPair) -> int:
    """Return how many connections the workers of auth have accepted."""
    workers, here = psutil.Process(pair.processes["auth"].pid).children(), pair.ports["auth"]
    accepted = [each for worker in workers for each in worker.net_connections()]
    return [(each.status, each.laddr.port) for each in accepted].count((psutil.CONN_ESTABLISHED, here))

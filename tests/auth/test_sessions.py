"""GET and DELETE /sessions: where a user is logged in, what counts as use of a session, and which ends."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import time_machine
from sqlalchemy import func, select, text, update

from auth_service import events
from auth_service.models import Event, Session, db
from tests.auth.database import (
    WEEK,
    add_sessions,
    connected,
    execute,
    kept,
    let_pass,
    rows,
    times_of,
    told_of,
)
from tests.auth.logins import Login, assert_refused, log_in, login_of, refresh, try_password
from tests.auth.users import TIME, Operator
from tests.cases import own_on_postgresql
from tests.pair import Pair
from tests.people import Person, assert_problem, register

MEMBERS = {"id", "current", "created_at", "last_used_at", "expires_at", "user_agent", "ip"}
LIMIT = 50
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def stranger(pair: Pair) -> Login:
    """Return the session of somebody else."""
    return login_of(register(pair))


def sessions(login: Login) -> list[dict[str, Any]]:
    answer = login.request("GET", "/sessions")
    assert answer.status_code == 200
    assert answer.json().keys() == {"sessions"}
    found: list[dict[str, Any]] = answer.json()["sessions"]
    return found


def assert_done(answer: requests.Response) -> None:
    """Fail unless the answer is a 204 that says nothing of a body."""
    assert (answer.status_code, answer.content) == (204, b"")
    assert not {"Content-Type", "Content-Length", "Transfer-Encoding"} & answer.headers.keys()


def test_a_session_shows_where_and_when_and_who_refreshed_it_last(person: Person, login: Login) -> None:
    add_sessions(login, 2, idle=WEEK)  # they are over, and not shown
    try_password(login.pair, person.name, "wrong")  # which starts none

    (shown,) = sessions(login)
    assert shown.keys() == MEMBERS
    assert (shown["id"], shown["current"], shown["ip"]) == (login.session_id, True, "127.0.0.1")
    assert shown["user_agent"].startswith("python-requests/")
    assert all(TIME.fullmatch(shown[each]) for each in MEMBERS if each.endswith("_at"))

    refresh(login.pair, login.refresh_token, **{"User-Agent": "x" * 300})

    (shown,) = sessions(login)
    assert shown["user_agent"] == "x" * 200
    assert shown["last_used_at"] > shown["created_at"]


def test_own_sessions_are_shown_the_last_used_first(person: Person, login: Login, stranger: Login) -> None:
    second = log_in(person)
    assert [each["id"] for each in sessions(second)] == [second.session_id, login.session_id]

    login.successor()

    shown = [(each["id"], each["current"]) for each in sessions(second)]
    assert shown == [(login.session_id, False), (second.session_id, True)]
    assert len(sessions(stranger)) == 1


def test_one_session_is_ended_once_and_no_other(person: Person, login: Login, stranger: Login) -> None:
    other = log_in(person)
    path = f"/sessions/{other.session_id}"

    assert_done(login.request("DELETE", path))

    assert not other.is_live
    assert_refused(refresh(other.pair, other.refresh_token))
    assert told_of(other.pair, other.session_id) == 1
    (over,) = add_sessions(login, 1, idle=WEEK)
    for not_there in (other.session_id, stranger.session_id, over, uuid.uuid4()):
        assert_problem(login.request("DELETE", f"/sessions/{not_there}"), 404, "session does not exist")
    for no_address in (login.session_id.upper(), "1"):
        assert_problem(login.request("DELETE", f"/sessions/{no_address}"), 404)
    assert stranger.is_live
    assert_done(login.request("DELETE", f"/sessions/{login.session_id}"))
    assert not login.is_live


def test_the_51st_session_ends_the_one_that_is_idle_longest(person: Person, login: Login) -> None:
    (idlest,) = add_sessions(login, 1, idle=3 * DAY)
    add_sessions(login, LIMIT - 2, idle=2 * DAY)
    assert len(sessions(login)) == LIMIT

    latest = log_in(person)

    shown = {each["id"] for each in sessions(latest)}
    assert len(shown) == LIMIT
    assert {latest.session_id, login.session_id} <= shown
    assert idlest not in shown
    assert told_of(login.pair, idlest) == 1


@pytest.mark.parametrize(("idle", "is_live"), [(0 * MINUTE, True), (11 * MINUTE, False)])
def test_a_session_in_use_stays(person: Person, login: Login, idle: timedelta, is_live: bool) -> None:
    login.request("GET", "/me")
    let_pass(login.pair, idle, login.session_id)
    add_sessions(login, LIMIT - 1, idle=min(idle, MINUTE))  # they began after it

    log_in(person)

    assert login.is_live is is_live


def test_a_new_session_takes_away_a_part_of_what_was_over_a_day_ago_and_an_operator_all(
    person: Person, login: Login, operator: Operator
) -> None:
    operator.succeed("sessions", "purge")
    pair, ended = person.pair, log_in(person)
    ended.request("DELETE", f"/sessions/{ended.session_id}")
    old = add_sessions(login, 150, idle=WEEK + 1.01 * DAY)
    (recent,) = add_sessions(login, 1, idle=WEEK + 0.99 * DAY)

    log_in(person)
    assert kept(pair, *old) == 50
    assert operator.succeed("sessions", "purge") == "50 deleted"
    assert kept(pair, *old) == 0
    assert kept(pair, recent, login.session_id, ended.session_id) == 3

    let_pass(pair, DAY, ended.session_id)
    log_in(person)
    assert kept(pair, ended.session_id) == 0
    assert_refused(refresh(pair, ended.refresh_token))


def test_the_use_of_an_access_token_is_recorded_once_in_five_minutes(login: Login) -> None:
    login.request("GET", "/me")
    created_at, first, expires_at = times_of(login)
    assert first > created_at

    for passed, is_recorded in ((0, False), (4, False), (1, True)):
        let_pass(login.pair, passed * MINUTE, login.session_id)
        _, before, _ = times_of(login)
        login.request("GET", "/me")
        assert (times_of(login)[1] > before) is is_recorded

    assert times_of(login)[2] == expires_at - 5 * MINUTE  # it is no refresh


def test_a_session_that_is_locked_can_be_used(pair: Pair, login: Login) -> None:
    with connected(pair) as other:
        other.execute(update(Session).where(Session.id == login.session_id).values(ip="192.0.2.1"))

        assert login.request("GET", "/me").status_code == 200

    assert times_of(login)[1] == times_of(login)[0]
    assert login.request("GET", "/me").status_code == 200
    assert times_of(login)[1] > times_of(login)[0]


@own_on_postgresql
def test_a_session_on_a_database_that_only_reads_can_be_used(own_pair: Pair) -> None:
    person = register(own_pair.start("auth"))
    with connected(own_pair) as other:
        name = other.engine.url.database
        other.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    own_pair.apps["auth"].extensions["connection_pool"].clear()

    assert [person.get("/me", "auth").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("is_refreshed", [True, False])
def test_a_clock_that_was_ahead_prolongs_no_session(person: Person, login: Login, is_refreshed: bool) -> None:
    let_pass(login.pair, -10 * DAY, login.session_id)

    if is_refreshed:
        expires_in = refresh(login.pair, login.refresh_token).json()["refresh_expires_in"]
        assert timedelta(seconds=expires_in) <= WEEK
    else:
        log_in(person).request("GET", "/me")

    now = datetime.now(UTC)
    created_at, last_used_at, expires_at = times_of(login)
    assert max(created_at, last_used_at) <= now
    assert expires_at <= now + WEEK


def test_a_clock_that_was_ahead_lengthens_no_retention_of_the_event(pair: Pair, login: Login) -> None:
    login.request("DELETE", f"/sessions/{login.session_id}")
    execute(pair, update(Event).filter_by(session_id=login.session_id).values(at=datetime.now(UTC) + DAY))

    with pair.apps["auth"].app_context(), db.write() as connection:
        events.purge(connection)

    latest = select(func.max(Event.at)).filter_by(session_id=login.session_id)
    assert rows(pair, latest) <= [(datetime.now(UTC),)]


def test_a_clock_that_was_not_set_ends_nothing(pair: Pair, login: Login) -> None:
    with time_machine.travel(datetime(1970, 1, 2, tzinfo=UTC)):
        register(pair)

    assert login.is_live

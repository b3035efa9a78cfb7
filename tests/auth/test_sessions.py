"""GET and DELETE /sessions: a user sees where it is logged in, and ends what it wants to."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.auth.database import WEEK, add_sessions, kept, let_pass, told_of
from tests.auth.logins import Login, assert_refused, log_in, login_of, refresh, try_password
from tests.auth.shell import Operator
from tests.auth.users import TIME
from tests.pair import Pair
from tests.people import Person, assert_problem, register

MEMBERS = {"id", "current", "created_at", "last_used_at", "expires_at", "user_agent", "ip"}
LIMIT = 50
DAY = timedelta(days=1)


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


def test_a_session_is_shown_with_where_and_when_and_who_refreshed_it_last(
    person: Person, login: Login
) -> None:
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


def test_sessions_are_shown_to_their_user_alone_the_one_used_last_first(
    person: Person, login: Login, stranger: Login
) -> None:
    second = log_in(person)
    assert [each["id"] for each in sessions(second)] == [second.session_id, login.session_id]

    login.successor()

    shown = [(each["id"], each["current"]) for each in sessions(second)]
    assert shown == [(login.session_id, False), (second.session_id, True)]
    assert len(sessions(stranger)) == 1


def test_one_session_is_ended_once_and_no_other(person: Person, login: Login) -> None:
    other = log_in(person)
    path = f"/sessions/{other.session_id}"

    assert_done(login.request("DELETE", path))

    assert not other.is_live
    assert_refused(refresh(other.pair, other.refresh_token))
    assert told_of(other.pair, other.session_id) == 1
    assert_problem(login.request("DELETE", path), 404, "session does not exist")
    assert_done(login.request("DELETE", f"/sessions/{login.session_id}"))
    assert not login.is_live


def test_a_session_that_is_not_one_s_own_is_not_there(login: Login, stranger: Login) -> None:
    (over,) = add_sessions(login, 1, idle=WEEK)
    for session_id in (stranger.session_id, over, uuid.uuid4(), login.session_id.upper(), "1"):
        assert_problem(login.request("DELETE", f"/sessions/{session_id}"), 404)

    assert stranger.is_live
    assert login.is_live


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


def test_a_new_session_takes_away_what_was_over_or_ended_a_day_ago(person: Person, login: Login) -> None:
    pair, ended = person.pair, log_in(person)
    (gone,) = add_sessions(login, 1, idle=WEEK + 1.01 * DAY)
    (recent,) = add_sessions(login, 1, idle=WEEK + 0.99 * DAY)
    ended.request("DELETE", f"/sessions/{ended.session_id}")

    log_in(person)

    assert kept(pair, gone) == 0
    assert kept(pair, recent, login.session_id, ended.session_id) == 3

    let_pass(pair, DAY, ended.session_id)
    log_in(person)

    assert kept(pair, ended.session_id) == 0
    assert_refused(refresh(pair, ended.refresh_token))


def test_a_purge_takes_a_part_at_a_time_and_an_operator_all(
    person: Person, login: Login, operator: Operator
) -> None:
    operator.succeed("sessions", "purge")
    old = add_sessions(login, 150, idle=9 * DAY)

    log_in(person)
    assert kept(login.pair, *old) == 50

    assert operator.succeed("sessions", "purge") == "50 deleted"
    assert kept(login.pair, *old) == 0
    assert operator.succeed("sessions", "purge") == "0 deleted"
    assert login.is_live

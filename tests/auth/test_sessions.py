"""GET and DELETE /sessions: a user sees where it is logged in, and ends what it wants to."""

import re
import uuid
from datetime import timedelta

import pytest
import requests
from sqlalchemy import func, select

from auth_service.models import Session, User
from tests import api
from tests.auth.database import WEEK, add_sessions, kept, let_pass, rows, told_of, user_of
from tests.auth.logins import Login, assert_refused, log_in, refresh
from tests.auth.shell import Operator
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, register

MEMBERS = {"id", "current", "created_at", "last_used_at", "expires_at", "user_agent", "ip"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
LIMIT = 50


@pytest.fixture
def newcomer(pair: Pair) -> Login:
    """Return the one session of somebody new."""
    person = register(pair)
    return Login(pair, person.token, person.refresh_token)


def sessions(login: Login) -> list[dict[str, object]]:
    answer = login.request("GET", "/sessions")
    assert answer.status_code == 200
    assert answer.json().keys() == {"sessions"}
    found: list[dict[str, object]] = answer.json()["sessions"]
    return found


def assert_done(answer: requests.Response) -> None:
    """Fail unless the answer is a 204 that says nothing of a body."""
    assert (answer.status_code, answer.content) == (204, b"")
    assert not {"Content-Type", "Content-Length", "Transfer-Encoding"} & answer.headers.keys()


def test_a_session_is_shown_with_where_and_when(newcomer: Login) -> None:
    (shown,) = sessions(newcomer)

    assert shown.keys() == MEMBERS
    assert (shown["id"], shown["current"], shown["ip"]) == (newcomer.session_id, True, "127.0.0.1")
    assert str(shown["user_agent"]).startswith("python-requests/")
    assert all(TIME.fullmatch(str(shown[each])) for each in MEMBERS if each.endswith("_at"))
    assert shown["created_at"] == shown["last_used_at"]


def test_sessions_are_shown_to_their_user_alone_the_one_used_last_first(pair: Pair) -> None:
    person, stranger = register(pair), register(pair)
    first, second = Login(pair, person.token, person.refresh_token), log_in(person)
    assert [each["id"] for each in sessions(second)] == [second.session_id, first.session_id]

    first.successor()

    shown = sessions(second)
    assert [(each["id"], each["current"]) for each in shown] == [
        (first.session_id, False),
        (second.session_id, True),
    ]
    assert len(sessions(Login(pair, stranger.token, stranger.refresh_token))) == 1


def test_a_session_tells_who_refreshed_it_last(newcomer: Login) -> None:
    refresh(newcomer.pair, newcomer.refresh_token, **{"User-Agent": "x" * 300})

    (shown,) = sessions(newcomer)
    assert shown["user_agent"] == "x" * 200
    assert str(shown["last_used_at"]) > str(shown["created_at"])


def test_what_is_over_is_not_shown(newcomer: Login) -> None:
    add_sessions(newcomer, 2, idle=WEEK)

    assert len(sessions(newcomer)) == 1


def test_one_session_is_ended_once_and_no_other(regular: Person, login: Login) -> None:
    other = log_in(regular)
    path = f"/sessions/{other.session_id}"

    assert_done(login.request("DELETE", path))

    assert not other.is_live
    assert_refused(refresh(other.pair, other.refresh_token))
    assert told_of(other.pair, other.session_id) == 1
    assert_problem(login.request("DELETE", path), 404, "session does not exist")
    assert_done(login.request("DELETE", f"/sessions/{login.session_id}"))
    assert not login.is_live


def test_a_session_that_is_not_one_s_own_is_not_there(regular: Person, login: Login, newcomer: Login) -> None:
    over = log_in(regular)
    let_pass(over.pair, WEEK, over.session_id)
    for session_id in (newcomer.session_id, over.session_id, uuid.uuid4(), login.session_id.upper(), "1"):
        answer = login.request("DELETE", f"/sessions/{session_id}")
        assert_problem(answer, 404)

    assert newcomer.is_live
    assert login.is_live


def test_the_51st_session_ends_the_one_that_is_idle_longest(newcomer: Login) -> None:
    person = of(newcomer)
    (idlest,) = add_sessions(newcomer, 1, idle=timedelta(days=3))
    add_sessions(newcomer, LIMIT - 2, idle=timedelta(days=2))
    assert len(sessions(newcomer)) == LIMIT

    latest = log_in(person)

    shown = [each["id"] for each in sessions(latest)]
    assert len(shown) == LIMIT
    assert {latest.session_id, newcomer.session_id} <= set(shown)
    assert idlest not in shown
    assert told_of(newcomer.pair, idlest) == 1


def of(login: Login) -> Person:
    """Return whose session it is."""
    user = login.request("GET", "/me").json()
    return Person(login.pair, user["name"], user["public_id"], login.token)


def test_a_new_session_takes_away_what_was_over_a_day_ago(newcomer: Login) -> None:
    pair = newcomer.pair
    (gone,) = add_sessions(newcomer, 1, idle=WEEK + timedelta(days=1.01), tokens=3)
    (recent,) = add_sessions(newcomer, 1, idle=WEEK + timedelta(days=0.99), tokens=3)

    log_in(of(newcomer))

    assert kept(pair, gone) == (0, 0)
    assert kept(pair, recent) == (1, 3)
    assert kept(pair, newcomer.session_id) == (1, 1)


def test_an_ended_session_is_kept_for_a_day_too(regular: Person, login: Login) -> None:
    ended = log_in(regular)
    ended.request("DELETE", f"/sessions/{ended.session_id}")
    log_in(regular)
    assert kept(login.pair, ended.session_id) == (1, 1)

    let_pass(login.pair, timedelta(days=1), ended.session_id)
    log_in(regular)

    assert kept(login.pair, ended.session_id) == (0, 0)
    assert_refused(refresh(login.pair, ended.refresh_token))


def test_a_purge_takes_a_part_at_a_time_and_an_operator_all(newcomer: Login, operator: Operator) -> None:
    pair = newcomer.pair
    operator.succeed("sessions", "purge")
    (large,) = add_sessions(newcomer, 1, idle=timedelta(days=9), tokens=2500)

    log_in(of(newcomer))
    assert kept(pair, large) == (1, 500)

    assert operator.succeed("sessions", "purge") == "1 deleted"
    assert kept(pair, large) == (0, 0)
    assert operator.succeed("sessions", "purge") == "0 deleted"
    assert newcomer.is_live


def test_a_password_tried_in_vain_starts_no_session(newcomer: Login) -> None:
    user_id, name = user_of(newcomer), of(newcomer).name

    api.post(newcomer.pair.url("auth") + "/login", auth=(name, PASSWORD + "."), timeout=30)

    statement = select(func.count()).select_from(Session).join(User).where(User.id == user_id)
    assert rows(newcomer.pair, statement) == [(1,)]

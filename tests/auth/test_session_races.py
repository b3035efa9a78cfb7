"""What many do at once to sessions and to admins: each time the rule holds afterwards."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from flask import Flask
from sqlalchemy import delete, func, select, text

from auth_service.models import Session, User
from tests.at_once import at_once
from tests.auth.database import add_sessions, connected, count, rows, user_of
from tests.auth.hashers import patient
from tests.auth.logins import Login, assert_refused, granted, log_out, refresh, try_password
from tests.auth.users import change_user, delete_user
from tests.pair import Pair
from tests.people import Person, register
from tests.waiting import wait_until

LIMIT = 50
ROUNDS = 4


def each_at_once(times: int, pair: Pair, ask: Callable[[int], requests.Response]) -> list[requests.Response]:
    """Ask that often at once, with the number of each; return the answers."""
    return at_once(times, pair.url("auth"), lambda _, number: ask(number))


@pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")  # SQLite has one writer
def test_a_refresh_that_waits_for_a_session_that_is_purged_is_refused(pair: Pair, login: Login) -> None:
    of_it = Session.id == login.session_id
    blocked = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    with ThreadPoolExecutor(1) as threads:
        with connected(pair) as purge:
            purge.execute(select(Session.id).where(of_it).with_for_update())
            answer = threads.submit(refresh, pair, login.refresh_token)
            wait_until(lambda: rows(pair, blocked) != [(0,)], "the refresh waits")
            purge.execute(delete(Session).where(of_it))

        assert_refused(answer.result())


@pytest.mark.parametrize("is_theft", [True, False], ids=["a superseded token", "a logout"])
def test_what_ends_a_session_at_the_same_moment_as_refreshes_is_final(
    pair: Pair, login: Login, is_theft: bool
) -> None:
    first = login.refresh_token
    login.successor(login.successor())

    def ask(number: int) -> requests.Response:
        if number == 5:
            return refresh(pair, first) if is_theft else log_out(pair, login.refresh_token)
        return refresh(pair, login.refresh_token)

    answers = each_at_once(10, pair, ask)

    assert answers.pop(5).status_code == (401 if is_theft else 200)
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert not login.is_live
    for answer in answers:
        if answer.status_code == 200:
            assert_refused(refresh(pair, answer.json()["refresh_token"]))


def test_however_many_log_in_at_once_fifty_sessions_stay(app: Flask, person: Person, login: Login) -> None:
    pair = person.pair
    add_sessions(login, LIMIT - 4, idle=timedelta(days=1))

    with patient(app):
        answers = each_at_once(10, pair, lambda _: try_password(pair, person.name))

    assert Counter(answer.status_code for answer in answers) == {200: 10}
    assert count(pair, Session.user_id == user_of(login), Session.ended_at.is_(None)) == LIMIT
    assert len(granted(pair, answers[0]).request("GET", "/sessions").json()["sessions"]) == LIMIT


def test_of_two_admins_who_demote_each_other_one_stays(pair: Pair, only_admin: Person) -> None:
    both = [only_admin, register(pair)]
    assert change_user(*both, admin=True).status_code == 200
    for _ in range(ROUNDS):
        answers = each_at_once(
            2, pair, lambda number: change_user(both[number], both[1 - number], admin=False)
        )

        # The second is either told that it is the last, or is no admin by then.
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) in ([200, 403], [200, 409])
        stayed = statuses.index(200)
        assert change_user(both[stayed], both[1 - stayed], admin=True).json()["admin"] is True


def test_a_user_who_is_deleted_at_once_from_everywhere_goes_once(
    pair: Pair, admin: Person, login: Login, person: Person
) -> None:
    ways: list[Callable[[], requests.Response]] = [
        lambda: delete_user(admin, person),
        lambda: refresh(pair, login.refresh_token),
        lambda: login.request("DELETE", "/sessions"),
    ]

    answers = each_at_once(12, pair, lambda number: ways[number % 3]())

    assert [answer.status_code for answer in answers[::3]].count(204) == 1
    # 503: a lock was waited for too long, on a busy machine.
    assert {answer.status_code for answer in answers} <= {200, 204, 401, 404, 503}
    assert count(pair, User.public_id == person.public_id) == 0
    assert log_out(pair, login.refresh_token).status_code == 200

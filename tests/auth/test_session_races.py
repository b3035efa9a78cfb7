"""What many do at once to sessions and to admins: each time the rule holds afterwards."""

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from sqlalchemy import delete, func, select, text

from auth_service.models import RefreshToken, Session, User
from tests.at_once import at_once
from tests.auth.database import add_sessions, connected, rows
from tests.auth.logins import Login, assert_refused, log_out, refresh
from tests.pair import Pair
from tests.people import PASSWORD, Person, register
from tests.waiting import wait_until

LIMIT = 50
ROUNDS = 20


def refresh_at_once(login: Login, count: int) -> list[requests.Response]:
    url, body = login.pair.url("auth"), {"refresh_token": login.refresh_token}
    return at_once(count, url, lambda session, _: session.post(f"{url}/refresh", json=body, timeout=30))


def unused(login: Login) -> int:
    """Return how many refresh tokens of the session are there that were neither used nor replaced."""
    of_it = (RefreshToken.session_id == login.session_id, RefreshToken.used_at.is_(None))
    ((count,),) = rows(login.pair, select(func.count()).select_from(RefreshToken).where(*of_it))
    return int(count)


def test_of_twenty_refreshes_at_once_one_leaves_a_token_that_lives(pair: Pair, login: Login) -> None:
    answers = refresh_at_once(login, 20)

    assert Counter(answer.status_code for answer in answers) == {200: 20}
    tokens = [answer.json()["refresh_token"] for answer in answers]
    assert len(set(tokens)) == 20
    assert unused(login) == 1
    living = [token for token in tokens if is_unused(login, token)]
    assert login.successor(*living)
    assert refresh(pair, next(token for token in tokens if token not in living)).status_code == 401
    assert not login.is_live


def is_unused(login: Login, token: str) -> bool:
    digest = hashlib.sha256(token.partition(".")[2].encode()).digest()
    used_at = select(RefreshToken.used_at).where(RefreshToken.digest == digest)
    return rows(login.pair, used_at) == [(None,)]


@pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")  # SQLite has one writer
def test_a_token_that_is_purged_while_it_waits_for_its_session_is_refused(pair: Pair, login: Login) -> None:
    tokens, waiting = RefreshToken.session_id == login.session_id, func.count()
    blocked = select(waiting).select_from(text("pg_locks")).where(text("NOT granted"))
    with ThreadPoolExecutor(1) as threads:
        with connected(pair) as purge:
            purge.execute(select(Session.id).where(Session.id == login.session_id).with_for_update())
            answer = threads.submit(refresh, pair, login.refresh_token)
            wait_until(lambda: rows(pair, blocked) != [(0,)], "the refresh waits")
            purge.execute(delete(RefreshToken).where(tokens))

        assert_refused(answer.result())


def test_a_superseded_token_at_the_same_moment_leaves_nothing_alive(pair: Pair, login: Login) -> None:
    first = login.refresh_token
    login.successor(login.successor())
    url = pair.url("auth")

    at_once(
        10,
        url,
        lambda session, number: session.post(
            f"{url}/refresh", json={"refresh_token": (first, login.refresh_token)[number % 2]}, timeout=30
        ),
    )

    assert not login.is_live
    assert_refused(refresh(pair, login.refresh_token))


def test_a_logout_at_the_same_moment_is_final(pair: Pair, login: Login) -> None:
    url, body = pair.url("auth"), {"refresh_token": login.refresh_token}

    answers = at_once(
        10,
        url,
        lambda session, number: session.post(
            url + ("/logout" if number == 5 else "/refresh"), json=body, timeout=30
        ),
    )

    assert answers[5].status_code == 200
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert not login.is_live
    for answer in answers:
        if answer.status_code == 200 and answer is not answers[5]:
            assert_refused(refresh(pair, answer.json()["refresh_token"]))


def test_however_many_log_in_at_once_fifty_sessions_stay(pair: Pair) -> None:
    person = register(pair)
    login, url = Login(pair, person.token, person.refresh_token), pair.url("auth")
    add_sessions(login, LIMIT - 4, idle=timedelta(days=1))

    answers = at_once(
        10, url, lambda session, _: session.post(f"{url}/login", auth=(person.name, PASSWORD), timeout=30)
    )

    assert Counter(answer.status_code for answer in answers) == {200: 10}
    live = select(func.count()).select_from(Session).join(User, User.id == Session.user_id)
    assert rows(pair, live.where(User.public_id == person.public_id, Session.ended_at.is_(None))) == [
        (LIMIT,)
    ]
    fresh = Login(pair, answers[0].json()["token"], answers[0].json()["refresh_token"])
    assert len(fresh.request("GET", "/sessions").json()["sessions"]) == LIMIT


def test_of_two_admins_who_demote_each_other_one_stays(pair: Pair, only_admin: Person) -> None:
    other, url = register(pair), pair.url("auth")
    both = (only_admin, other)
    make_admin(only_admin, other)
    for _ in range(ROUNDS):
        answers = at_once(2, url, lambda session, number: demote(session, both[number], both[1 - number]))

        # The second is either told that it is the last, or is no admin by then.
        assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])
        stayed = both[[answer.status_code for answer in answers].index(200)]
        make_admin(stayed, *(each for each in both if each is not stayed))


def demote(session: requests.Session, admin: Person, person: Person) -> requests.Response:
    return session.patch(
        f"{admin.pair.url('auth')}/users/{person.public_id}",
        json={"admin": False},
        headers={"x-access-tokens": admin.token},
        timeout=30,
    )


def make_admin(admin: Person, person: Person) -> None:
    answer = admin.request("PATCH", "auth", f"/users/{person.public_id}", json={"admin": True})
    assert answer.json()["admin"] is True


def test_a_user_who_is_deleted_at_once_from_everywhere_goes_once(pair: Pair, admin: Person) -> None:
    person, url = register(pair), pair.url("auth")
    login = Login(pair, person.token, person.refresh_token)
    ways = [
        lambda session: session.delete(
            f"{url}/users/{person.public_id}", headers={"x-access-tokens": admin.token}, timeout=30
        ),
        lambda session: session.post(
            f"{url}/refresh", json={"refresh_token": login.refresh_token}, timeout=30
        ),
        lambda session: session.delete(
            f"{url}/sessions", headers={"x-access-tokens": person.token}, timeout=30
        ),
    ]

    answers = at_once(12, url, lambda session, number: ways[number % 3](session))

    deletions = Counter(answer.status_code for answer in answers[::3])
    assert deletions == {204: 1, 404: 3}
    assert {answer.status_code for answer in answers} <= {200, 204, 401, 404}
    assert log_out(pair, login.refresh_token).status_code == 200

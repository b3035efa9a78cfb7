"""What counts as use of a session, and that a session in use is not displaced."""

from datetime import timedelta

import pytest
from sqlalchemy import text, update

from auth_service.models import Session
from tests.auth.database import add_sessions, connected, let_pass, times_of
from tests.auth.logins import Login, log_in
from tests.pair import Pair
from tests.people import Person, register

MINUTE = timedelta(minutes=1)


def test_the_use_of_an_access_token_is_recorded_once_in_five_minutes(login: Login) -> None:
    login.request("GET", "/me")
    created_at, first, expires_at = times_of(login)
    assert first > created_at

    login.request("GET", "/me")
    assert times_of(login) == [created_at, first, expires_at]

    let_pass(login.pair, 4 * MINUTE, login.session_id)
    login.request("GET", "/me")
    assert times_of(login)[1] == first - 4 * MINUTE

    let_pass(login.pair, MINUTE, login.session_id)
    login.request("GET", "/me")
    assert times_of(login)[1] > first
    assert times_of(login)[2] == expires_at - 5 * MINUTE  # it is no refresh


def test_a_session_in_use_is_not_displaced_by_fifty_logins(person: Person, login: Login) -> None:
    login.request("GET", "/me")
    add_sessions(login, 49, idle=timedelta())  # they began after it

    log_in(person)

    assert login.is_live


def test_a_session_that_was_in_use_long_ago_is_displaced(person: Person, login: Login) -> None:
    login.request("GET", "/me")
    let_pass(login.pair, 11 * MINUTE, login.session_id)
    add_sessions(login, 49, idle=MINUTE)

    log_in(person)

    assert not login.is_live


def test_a_session_that_is_locked_can_be_used(pair: Pair, login: Login) -> None:
    with connected(pair) as other:
        other.execute(update(Session).where(Session.id == login.session_id).values(ip="192.0.2.1"))

        assert login.request("GET", "/me").status_code == 200

    assert times_of(login)[1] == times_of(login)[0]
    assert login.request("GET", "/me").status_code == 200
    assert times_of(login)[1] > times_of(login)[0]


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_a_session_on_a_database_that_only_reads_can_be_used(own_pair: Pair) -> None:
    person = register(own_pair.start("auth"))
    with connected(own_pair) as other:
        name = other.engine.url.database
        other.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    own_pair.apps["auth"].extensions["connection_pool"].clear()

    assert [person.get("/me", "auth").status_code for _ in range(3)] == [200] * 3

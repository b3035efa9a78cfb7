"""POST /logout: any refresh token ever issued for a session ends it, and no other ends anything."""

import uuid
from datetime import timedelta

import requests
from sqlalchemy import select

from auth_service.models import Event
from tests.auth.database import WEEK, let_pass, rows, told_of
from tests.auth.logins import Login, assert_refused, log_in, log_out, refresh
from tests.pair import Pair
from tests.people import Person


def assert_logged_out(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()) == (200, {"message": "logged out"})


def test_a_logout_ends_the_session_and_its_tokens(pair: Pair, person: Person, login: Login) -> None:
    other = log_in(person)

    assert_logged_out(log_out(pair, login.refresh_token))

    assert not login.is_live
    assert_refused(refresh(pair, login.refresh_token))
    assert other.is_live


def test_any_token_of_the_session_ends_it(pair: Pair, person: Person) -> None:
    for which in ("the first", "one that was used", "the one before", "the newest"):
        login = log_in(person)
        tokens = {"the first": login.refresh_token}
        for name in ("one that was used", "the one before", "the newest"):
            tokens[name] = login.successor()

        assert_logged_out(log_out(pair, tokens[which]))

        assert not login.is_live


def test_a_token_that_was_never_issued_ends_nothing(pair: Pair, login: Login) -> None:
    secret = login.refresh_token.partition(".")[2]

    for token in ("x", login.session_id, f"{login.session_id}.{'A' * 43}", f"{uuid.uuid4()}.{secret}"):
        assert_logged_out(log_out(pair, token))
    assert_logged_out(log_out(pair, login.token))

    assert login.is_live
    assert told_of(pair, login.session_id) == 0


def test_the_end_is_told_once_and_until_the_last_token_is_dead(pair: Pair, login: Login) -> None:
    for _ in range(2):
        assert_logged_out(log_out(pair, login.refresh_token))

    columns = select(Event.type, Event.at, Event.until)
    ((kind, at, until),) = rows(pair, columns.where(Event.session_id == login.session_id))
    assert kind == "session.ended"
    assert until >= at + timedelta(seconds=2700)


def test_a_logout_that_comes_after_the_session_expired_still_ends_its_last_token(
    pair: Pair, login: Login
) -> None:
    let_pass(pair, WEEK, login.session_id)

    assert_logged_out(log_out(pair, login.refresh_token))

    assert told_of(pair, login.session_id) == 1

"""POST /refresh and POST /logout: each use gives a successor, a theft or any token at the logout ends all."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import select, update

from auth_service.models import Event, Session, User
from tests.auth.database import WEEK, execute, let_pass, rows, told_of, user_of
from tests.auth.logins import DAY, TOKENS, Login, assert_refused, granted, log_in, log_out, login_of, refresh
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, complaints

SIX_DAYS = timedelta(days=6)
STRANGE = ["x", ".", "..", "{id}", "{id}.", ".{secret}", "{secret}", "{token}", "x" * 60_000, "é"]
STRANGE += ["{id}.{secret}.", "{id}.{secret}x", " {id}.{secret}", "{id}.{secret} ", "{id}:{secret}"]
STRANGE += ["{ID}.{secret}", "{id}.{SECRET}", "{id}.{other}", "{nobody}.{secret}", "{nobody}.{other}"]


def strange(login: Login, text: str) -> str:
    """Return a token that was never issued, made of one that was."""
    session_id, _, secret = login.refresh_token.partition(".")
    swapped = {"ID": session_id.upper(), "SECRET": secret.swapcase()}
    others = {"other": "A" * 43, "nobody": uuid.uuid4(), "token": login.token}
    return text.format(id=session_id, secret=secret, **swapped, **others)


def assert_logged_out(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()) == (200, {"message": "logged out"})


def test_a_refresh_answers_with_new_tokens_of_the_session(pair: Pair, login: Login) -> None:
    unread = {"Authorization": "Bearer nonsense", "x-access-tokens": "more of it"}

    answer = refresh(pair, login.refresh_token, **unread)

    fresh = granted(pair, answer)
    assert answer.json().keys() == TOKENS
    assert fresh.session_id == login.session_id
    assert fresh.refresh_token != login.refresh_token
    assert fresh.token != login.token
    assert fresh.is_live


@pytest.mark.parametrize("steps", [2, 3, 30], ids=["superseded", "its grandparent", "the first of many"])
def test_a_token_whose_successor_was_used_ends_its_session_and_no_other(
    pair: Pair, person: Person, login: Login, steps: int
) -> None:
    other, first = log_in(person), login.refresh_token
    for _ in range(steps):
        login.successor()

    assert_refused(refresh(pair, first))

    assert_refused(refresh(pair, login.refresh_token))
    assert not login.is_live
    assert told_of(pair, login.session_id) == 1
    assert other.is_live
    assert other.successor()


@every("text", STRANGE)
def test_a_token_that_was_never_issued_is_refused_and_ends_nothing(
    pair: Pair, login: Login, text: str
) -> None:
    token = strange(login, text)

    assert_refused(refresh(pair, token))
    assert_logged_out(log_out(pair, token))

    assert login.is_live
    assert login.successor()


@on_sqlite
@every("token", ["", " ", "\u3000", "a\x00b", "a\nb", None, 1, True, ["x"], {}])
def test_what_can_be_no_token_is_told_so(pair: Pair, token: object) -> None:
    assert complaints(refresh(pair, token)) == ["/refresh_token"]


def refresh_later(login: Login, time: timedelta) -> int:
    """Refresh after that time; return the seconds until the session ends."""
    let_pass(login.pair, time, login.session_id)
    answer = refresh(login.pair, login.refresh_token)
    assert answer.status_code == 200, answer.text
    login.refresh_token = answer.json()["refresh_token"]
    return int(answer.json()["refresh_expires_in"])


def test_the_idle_end_moves_with_each_refresh_and_the_absolute_does_not(pair: Pair, person: Person) -> None:
    idle, login = log_in(person), login_of(person)
    left = [refresh_later(login, SIX_DAYS) for _ in range(4)]
    left.append(refresh_later(login, timedelta(days=5)))

    days = [7, 7, 7, 6, 1]
    assert all(0 <= day * DAY - seconds < 60 for day, seconds in zip(days, left, strict=True))
    let_pass(pair, timedelta(days=1), login.session_id)
    let_pass(pair, WEEK, idle.session_id)
    for over in (login, idle):
        assert_refused(refresh(pair, over.refresh_token))
        assert not over.is_live


def test_the_database_holds_digests_alone(pair: Pair, login: Login) -> None:
    tokens = [login.refresh_token, login.successor()]

    columns = (Session.previous_digest, Session.token_digest)
    digests = rows(pair, select(*columns).where(Session.id == login.session_id))
    secrets = [token.partition(".")[2].encode() for token in tokens]
    assert digests == [tuple(hashlib.sha256(secret).digest() for secret in secrets)]


def test_an_ended_session_and_one_of_a_disabled_user_are_over(pair: Pair, login: Login) -> None:
    of_it = Session.id == login.session_id
    execute(pair, update(Session).where(of_it).values(ended_at=datetime.now(UTC)))
    assert not login.is_live
    execute(pair, update(Session).where(of_it).values(ended_at=None))

    execute(pair, update(User).where(User.id == user_of(login)).values(disabled=True))

    assert_refused(refresh(pair, login.refresh_token))


@pytest.mark.parametrize("which", [0, 1, 2, 3], ids=["first", "used", "the one before", "newest"])
def test_a_logout_with_any_token_ends_the_session_and_its_tokens(
    pair: Pair, person: Person, login: Login, which: int
) -> None:
    other, tokens = log_in(person), [login.refresh_token]
    tokens += [login.successor() for _ in range(3)]

    assert_logged_out(log_out(pair, tokens[which]))

    assert not login.is_live
    assert_refused(refresh(pair, login.refresh_token))
    assert other.is_live


def test_the_end_is_told_once_and_until_the_last_token_is_dead(pair: Pair, login: Login) -> None:
    """A session that expired has a last token too."""
    let_pass(pair, WEEK, login.session_id)
    for _ in range(2):
        assert_logged_out(log_out(pair, login.refresh_token))

    columns = select(Event.type, Event.at, Event.until)
    ((kind, at, until),) = rows(pair, columns.where(Event.session_id == login.session_id))
    assert kind == "session.ended"
    assert until >= at + timedelta(seconds=2700)

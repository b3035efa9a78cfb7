"""POST /refresh: each use gives a successor, a lost answer is forgiven, and a theft ends the session."""

import functools
import hashlib
import re
import uuid
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import select

from auth_service.models import RefreshToken
from tests import api
from tests.auth.conftest import regular_of
from tests.auth.database import let_pass, rows, told_of
from tests.auth.logins import TOKENS, Login, assert_refused, log_in, refresh
from tests.cases import every
from tests.common.log_lines import Log, new_id
from tests.pair import Pair
from tests.people import PASSWORD, Person, complaints, new_name

FORM = re.compile(r"[0-9a-f-]{36}\.[A-Za-z0-9_-]{43}")
DAY = 24 * 60 * 60  # seconds
STRANGE = [
    "x",
    ".",
    "..",
    "{id}",
    "{id}.",
    ".{secret}",
    "{secret}",
    "{id}.{secret}.",
    "{id}.{secret}x",
    " {id}.{secret}",
    "{id}.{secret} ",
    "{ID}.{secret}",
    "{id}.{SECRET}",
    "{id}:{secret}",
    "{id}.{other}",
    "{nobody}.{secret}",
    "{nobody}.{other}",
    "{token}",
    "x" * 60_000,
    "é",
]


def strange(login: Login, text: str) -> str:
    """Return a token that was never issued, made of one that was."""
    session_id, _, secret = login.refresh_token.partition(".")
    return text.format(
        id=session_id,
        ID=session_id.upper(),
        secret=secret,
        SECRET=secret.swapcase(),
        other="A" * 43,
        nobody=uuid.uuid4(),
        token=login.token,
    )


def test_a_registration_and_a_login_answer_with_a_refresh_token(pair: Pair) -> None:
    credentials = {"name": new_name(), "password": PASSWORD}

    for path in ("/register", "/login"):
        told = api.post(pair.url("auth") + path, json=credentials, timeout=30).json()
        assert told.keys() >= TOKENS
        assert FORM.fullmatch(told["refresh_token"])
        assert told["refresh_token"].startswith(
            jwt.decode(told["token"], options={"verify_signature": False})["sid"]
        )
        assert 7 * DAY - 60 < told["refresh_expires_in"] <= 7 * DAY


def test_a_refresh_answers_with_new_tokens_of_the_session(pair: Pair, login: Login) -> None:
    answer = refresh(pair, login.refresh_token)

    told = answer.json()
    assert answer.status_code == 200
    assert told.keys() == TOKENS
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 2700)
    assert answer.headers["Cache-Control"] == "no-store"
    fresh = Login(pair, told["token"], told["refresh_token"])
    assert fresh.session_id == login.session_id
    assert fresh.refresh_token != login.refresh_token
    assert fresh.token != login.token
    assert fresh.is_live


def test_a_lost_answer_is_given_again(login: Login) -> None:
    first = login.refresh_token
    lost = [login.successor(first) for _ in range(3)]

    assert len(set(lost)) == 3
    login.successor(lost[-1])
    assert login.is_live


def test_what_took_the_place_of_a_lost_answer_is_the_successor(pair: Pair, login: Login) -> None:
    first = login.refresh_token
    login.successor(first)
    login.successor(login.successor(first))

    assert_refused(refresh(pair, first))
    assert not login.is_live


@pytest.mark.parametrize("steps", [2, 3], ids=["superseded", "its grandparent"])
def test_a_token_whose_successor_was_used_ends_its_session_and_no_other(
    pair: Pair, regular: Person, login: Login, steps: int
) -> None:
    other, first = log_in(regular), login.refresh_token
    for _ in range(steps):
        login.successor()

    assert_refused(refresh(pair, first))

    assert_refused(refresh(pair, login.refresh_token))
    assert not login.is_live
    assert told_of(pair, login.session_id) == 1
    assert other.is_live
    assert other.successor()


def test_an_answer_that_was_replaced_ends_the_session(pair: Pair, login: Login) -> None:
    first = login.refresh_token
    replaced, current = login.successor(first), login.successor(first)

    assert_refused(refresh(pair, replaced))

    assert_refused(refresh(pair, current))
    assert_refused(refresh(pair, first))
    assert not login.is_live
    assert told_of(pair, login.session_id) == 1


def test_a_theft_is_noted(pair: Pair, regular: Person, login: Login, log: Log) -> None:
    first, request_id = login.refresh_token, new_id()
    login.successor(login.successor())

    refresh(pair, first, **{"X-Request-ID": request_id})

    (line, *_) = log.of(request_id)
    assert (line["event"], line["level"]) == ("refresh_reused", "warning")
    assert (line["public_id"], line["session_id"]) == (regular.public_id, login.session_id)
    assert first.partition(".")[2] not in log.text


@every("text", STRANGE)
def test_a_token_that_was_never_issued_is_refused_and_ends_nothing(
    pair: Pair, shared_login: Login, text: str
) -> None:
    assert_refused(refresh(pair, strange(shared_login, text)))

    assert shared_login.is_live
    assert shared_login.successor()


@pytest.fixture
def shared_login(pair: Pair) -> Login:
    """Return a session that outlives whatever is tried."""
    return shared_login_of(pair)


@functools.cache
def shared_login_of(pair: Pair) -> Login:
    return log_in(regular_of(pair))


@every("token", ["", " ", "\u3000", "a\x00b", "a\nb", None, 1, True, ["x"], {}])
def test_what_can_be_no_token_is_told_so(pair: Pair, token: object) -> None:
    assert complaints(refresh(pair, token)) == ["/refresh_token"]


def test_who_asks_is_told_by_the_refresh_token_alone(pair: Pair, login: Login) -> None:
    headers = {"Authorization": "Bearer nonsense", "x-access-tokens": "more of it"}

    assert refresh(pair, login.refresh_token, **headers).status_code == 200


def test_the_idle_end_moves_with_each_refresh(pair: Pair, login: Login) -> None:
    for _ in range(3):
        let_pass(pair, timedelta(days=6), login.session_id)
        answer = refresh(pair, login.refresh_token)
        login.refresh_token = answer.json()["refresh_token"]

        assert 7 * DAY - 60 < answer.json()["refresh_expires_in"] <= 7 * DAY


def test_the_absolute_end_does_not_move(pair: Pair, login: Login) -> None:
    for _ in range(4):
        let_pass(pair, timedelta(days=6), login.session_id)
        login.successor()
    let_pass(pair, timedelta(days=5), login.session_id)
    answer = refresh(pair, login.refresh_token)
    login.refresh_token = answer.json()["refresh_token"]

    assert DAY - 60 < answer.json()["refresh_expires_in"] <= DAY
    let_pass(pair, timedelta(days=1), login.session_id)
    assert_refused(refresh(pair, login.refresh_token))


def test_a_session_that_was_idle_too_long_is_over(pair: Pair, login: Login) -> None:
    let_pass(pair, timedelta(days=7), login.session_id)

    assert_refused(refresh(pair, login.refresh_token))
    assert not login.is_live


def test_the_database_holds_no_token_that_could_be_used(pair: Pair, login: Login) -> None:
    login.successor()

    of_it = RefreshToken.session_id == login.session_id
    digests = [digest for (digest,) in rows(pair, select(RefreshToken.digest).where(of_it))]
    assert len(digests) == 2
    assert hashlib.sha256(login.refresh_token.partition(".")[2].encode()).digest() in digests

"""Why a token was refused: expired, revoked, or anything else; in both services, in one and the same way."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from books_service.models import db
from books_service.shelf.erasure import USER_DATA
from common.feed import events as feed
from common.feed.events import FeedEvent
from tests import api
from tests.auth.logins import assert_refused
from tests.feed.ends import disable, leave, log_out, session_of
from tests.pair import Pair
from tests.people import Person, register

# That a session is live is asked on both databases in tests/auth, what books heard in tests/feed.
pytestmark = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)

ADDRESSES = [("auth", "/me"), ("books", "/books")]


def hear(pair: Pair, kind: str, **members: str) -> None:
    """Let books hear of an event, as from its follower."""
    now = datetime.now(UTC)
    event = FeedEvent(1, kind, now, until=now + timedelta(hours=1), **members)
    app = pair.apps["books"]
    with app.app_context():
        with db.read() as connection:
            feed.apply(connection, USER_DATA, [event], cursor=0, now=now)
        app.extensions["revocations"].refresh()


@pytest.mark.parametrize(("service", "path"), ADDRESSES)
def test_a_token_that_grew_old_expired(own_pair: Pair, service: str, path: str) -> None:
    person = register(own_pair.start())
    assert person.get(path, service).status_code == 200  # and it is remembered from now on

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=46), tick=False):
        assert_refused(person.get(path, service), "token-expired")


@pytest.mark.parametrize("end", [log_out, disable, leave])
def test_auth_says_that_a_token_was_revoked(own_pair: Pair, end: Callable[[Person], None]) -> None:
    person = register(own_pair.start())

    end(person)

    assert_refused(person.get("/me", "auth"), "token-revoked")


def test_books_says_that_the_session_of_a_token_ended(own_pair: Pair) -> None:
    person = register(own_pair.start())

    hear(own_pair, "session.ended", sid=session_of(person))

    assert_refused(person.get("/books"), "token-revoked")


def test_books_says_that_the_user_of_a_token_was_deleted(own_pair: Pair) -> None:
    person = register(own_pair.start())

    hear(own_pair, "user.deleted", public_id=person.public_id)

    assert_refused(person.get("/books"), "token-revoked")


def test_a_refresh_is_refused_in_one_way(own_pair: Pair) -> None:
    person = register(own_pair.start())
    session = person.refresh_token.partition(".")[0]
    log_out(person)

    for token in (person.refresh_token, f"{session}.{secrets.token_urlsafe(32)}", "x", person.token):
        answer = api.post(own_pair.url("auth") + "/refresh", json={"refresh_token": token})
        assert_refused(answer, "token-invalid")


def test_two_tokens_that_differ_are_no_valid_token(own_pair: Pair) -> None:
    person, other = register(own_pair.start()), register(own_pair)

    for service, path in ADDRESSES:
        headers = person.with_token(x_access_tokens=other.token)
        assert_refused(person.get(path, service, headers=headers), "token-invalid")

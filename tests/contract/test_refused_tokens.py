"""Why a token was refused: expired, revoked, or anything else; in both services, in one and the same way."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from books_service.models import db
from books_service.shelf.erasure import USER_DATA
from common.feed import events as feed
from common.feed.events import FeedEvent
from tests.auth.logins import assert_refused
from tests.cases import on_sqlite
from tests.feed.ends import disable, leave, log_out, session_of
from tests.pair import Pair
from tests.people import Person, register

# That a session is live is asked on both databases in tests/auth, what books heard in tests/feed.
own_on_sqlite = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # whose feed is empty

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


@on_sqlite
@pytest.mark.parametrize(("service", "path"), ADDRESSES)
def test_a_token_that_grew_old_expired(pair: Pair, service: str, path: str) -> None:
    person = register(pair)
    assert person.get(path, service).status_code == 200  # and it is remembered from now on

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=46), tick=False):
        assert_refused(person.get(path, service), "token-expired")


@on_sqlite
@pytest.mark.parametrize("end", [log_out, disable, leave])
def test_auth_says_that_a_token_was_revoked(pair: Pair, end: Callable[[Person], None]) -> None:
    person = register(pair)

    end(person)

    assert_refused(person.get("/me", "auth"), "token-revoked")


@own_on_sqlite
def test_books_says_that_the_session_of_a_token_ended(own_pair: Pair) -> None:
    person = register(own_pair.start())

    hear(own_pair, "session.ended", sid=session_of(person))

    assert_refused(person.get("/books"), "token-revoked")


@own_on_sqlite
def test_books_says_that_the_user_of_a_token_was_deleted(own_pair: Pair) -> None:
    person = register(own_pair.start())

    hear(own_pair, "user.deleted", public_id=person.public_id)

    assert_refused(person.get("/books"), "token-revoked")


@on_sqlite
def test_two_tokens_that_differ_are_no_valid_token(pair: Pair) -> None:
    person, other = register(pair), register(pair)

    for service, path in ADDRESSES:
        headers = person.with_token(x_access_tokens=other.token)
        assert_refused(person.get(path, service, headers=headers), "token-invalid")

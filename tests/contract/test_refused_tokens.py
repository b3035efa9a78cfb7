"""Why a token was refused, in both services in one and the same way.

That one was revoked is in tests/feed/test_follower.py, where books hears of it.
"""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.auth.logins import assert_refused
from tests.cases import on_sqlite
from tests.pair import Pair
from tests.people import register

ADDRESSES = [("auth", "/me"), ("books", "/books")]


@on_sqlite
@pytest.mark.parametrize(("service", "path"), ADDRESSES)
def test_a_token_that_grew_old_expired(pair: Pair, service: str, path: str) -> None:
    person = register(pair)
    assert person.get(path, service).status_code == 200  # and it is remembered from now on

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=46), tick=False):
        assert_refused(person.get(path, service), "token-expired")


@on_sqlite
def test_two_tokens_that_differ_are_no_valid_token(pair: Pair) -> None:
    person, other = register(pair), register(pair)

    for service, path in ADDRESSES:
        headers = person.with_token(x_access_tokens=other.token)
        assert_refused(person.get(path, service, headers=headers), "token-invalid")

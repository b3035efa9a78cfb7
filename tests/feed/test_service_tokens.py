"""Who may read the feed: a service with a token of its own, and nobody else anywhere with that one."""

from typing import Any

import pytest

from tests import api
from tests.cases import every
from tests.conftest import keys_of
from tests.feed.service_tokens import ask, service_token
from tests.pair import SERVICES, Pair
from tests.people import Person, assert_problem

on_sqlite = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")


@on_sqlite
@every(
    "claims",
    [
        {},
        {"aud": ["bookstore-auth", "another"]},
        {"exp": "$now+1"},
        {"iat": "$now-70", "exp": "$now-10"},  # within the leeway
        {"iat": "$now+0.5", "nbf": "$now+20"},
        {"jti": "x", "other": [1]},
    ],
)
def test_a_token_of_a_service_is_accepted(pair: Pair, claims: dict[str, Any]) -> None:
    for key in keys_of(pair):
        assert ask(pair, service_token(key, **claims)).status_code == 200


@on_sqlite
@every(
    "claims",
    [
        *({name: "$drop"} for name in ("iss", "sub", "aud", "iat", "exp")),
        {"iss": "bookstore-auth"},
        {"sub": "bookstore-auth"},
        {"sub": "0b7f9d1e-3c5a-4e2b-9f60-1a2b3c4d5e6f"},
        {"aud": "bookstore"},
        {"aud": ["bookstore"]},
        {"aud": ["bookstore-auth", 1]},
        {"aud": []},
        {"exp": "$now+61"},
        {"exp": "$now+2700"},
        {"iat": "$now-100", "exp": "$now-40"},
        {"iat": "$now+40", "exp": "$now+90"},
        {"nbf": "$now+40"},
        {"iat": True},
        {"exp": "123"},
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": "$drop"}},
        {"header": {"kid": "unknown"}},
        {"header": {"crit": ["exp"]}},
        {"secret": b"another secret of thirty-two bytes!"},
    ],
)
def test_any_other_token_is_refused(pair: Pair, claims: dict[str, Any]) -> None:
    answer = ask(pair, service_token(keys_of(pair)[0], **claims))

    assert_problem(answer, 401, "token is invalid")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookstore", error="invalid_token"'


@on_sqlite
def test_a_token_of_a_user_is_refused(pair: Pair, person: Person, admin: Person) -> None:
    for token in (person.token, admin.token):
        assert_problem(ask(pair, token), 401, "token is invalid")


@on_sqlite
@pytest.mark.parametrize("way", ["x-access-tokens", "basic", "query", "nothing"])
def test_a_token_that_is_no_bearer_is_missing(pair: Pair, way: str) -> None:
    token = service_token(keys_of(pair)[0])
    headers = {
        "x-access-tokens": {"x-access-tokens": token},
        "basic": {"Authorization": f"Basic {token}"},
    }.get(way, {"Authorization": "Bearer "})

    answer = api.get(pair.url("auth") + "/events", headers=headers, timeout=30)

    assert_problem(answer, 401, "a valid token is missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookstore"'


@on_sqlite
@pytest.mark.parametrize("header", ["Authorization", "x-access-tokens"])
def test_a_token_of_a_service_is_refused_everywhere_else(pair: Pair, header: str) -> None:
    token = service_token(keys_of(pair)[0])
    headers = {header: f"Bearer {token}" if header == "Authorization" else token}

    for service, path in (("auth", "/me"), ("auth", "/users"), ("books", "/books")):
        answer = api.get(pair.url(service) + path, headers=headers, timeout=30)
        assert_problem(answer, 401, "token is invalid")
    assert set(SERVICES) == {"auth", "books"}

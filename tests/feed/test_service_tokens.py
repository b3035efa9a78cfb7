"""Who may read the feed: a service with a token of its own, and nobody else anywhere with that one."""

from typing import Any

import requests

from tests import api
from tests.cases import every, on_sqlite
from tests.conftest import keys_of
from tests.feed.service_tokens import ask, service_token
from tests.pair import Pair
from tests.people import assert_problem

pytestmark = on_sqlite  # a token is looked up in no database


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


@every(
    "claims",
    [
        *({name: "$drop"} for name in ("iss", "sub", "aud", "iat", "exp")),
        *({name: "bookstore-auth"} for name in ("iss", "sub")),
        {"sub": "0b7f9d1e-3c5a-4e2b-9f60-1a2b3c4d5e6f"},
        *({"aud": wrong} for wrong in ("bookstore", ["bookstore"], ["bookstore-auth", 1], [])),
        *({"exp": wrong} for wrong in ("$now+61", "$now+2700", "123")),
        {"iat": "$now-100", "exp": "$now-40"},
        {"iat": "$now+40", "exp": "$now+90"},
        {"nbf": "$now+40"},
        {"iat": True},
        *({"header": {"typ": wrong}} for wrong in ("at+jwt", "$drop")),
        *({"header": wrong} for wrong in ({"kid": "unknown"}, {"crit": ["exp"]})),
        {"secret": b"another secret of thirty-two bytes!"},
    ],
)
def test_any_other_token_is_refused(pair: Pair, claims: dict[str, Any]) -> None:
    answer = ask(pair, service_token(keys_of(pair)[0], **claims))

    assert_problem(answer, 401, "token is invalid")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="bookstore", error="invalid_token"')


def show(pair: Pair, way: str, service: str, path: str) -> requests.Response:
    """Send a good token in a way."""
    name, value = way.format(service_token(keys_of(pair)[0])).split(": ")
    return api.get(pair.url(service) + path, headers={name: value})


@every(
    "issuer, subject, status",
    [("books", "books", 401), ("notes", "notes", 200), ("audio_books", "audio_books", 200)]
    + [("notes", "audio_books", 401), ("note", "note", 401), ("notes,audio_books", "notes,audio_books", 401)],
)
def test_the_services_that_are_named_are_let_in(pair: Pair, issuer: str, subject: str, status: int) -> None:
    other = pair.variant(SERVICE_NAMES="notes, audio_books")
    token = service_token(keys_of(pair)[0], iss=f"bookstore-{issuer}", sub=f"bookstore-{subject}")

    assert ask(other, token).status_code == status


@every("way", ["x-access-tokens: {}", "Authorization: Basic {}", "Authorization: Bearer "])
def test_a_token_that_is_no_bearer_is_missing(pair: Pair, way: str) -> None:
    answer = show(pair, way, "auth", "/events")

    assert_problem(answer, 401, "a valid token is missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookstore"'


@every("way", ["x-access-tokens: {}", "Authorization: Bearer {}"])
@every("service, path", [("auth", "/me"), ("auth", "/users"), ("books", "/books")])
def test_a_token_of_a_service_is_refused_everywhere_else(
    pair: Pair, way: str, service: str, path: str
) -> None:
    assert_problem(show(pair, way, service, path), 401, "token is invalid")

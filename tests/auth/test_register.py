"""POST /register: who may be registered under what name, and how many from one network in an hour."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.test import TestResponse

from auth_service.models import db
from auth_service.throttle import registrations
from auth_service.throttle.too_many import TooMany
from tests import api
from tests.auth.guessers import DAY, MINUTE, NOW, SECOND, new_address
from tests.auth.hashers import no_core
from tests.auth.logins import granted
from tests.cases import on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, new_name, register

LIMIT = 3
# What breaks a rule; test_names_and_passwords.py has them all.
WRONG = {"name": ["a:b", "x" * 51, "\u3000"], "password": ["short12", "password123", "{NAME}", "x" * 257]}


def post(pair: Pair, **members: Any) -> requests.Response:
    headers = {"Authorization": "Bearer nonsense"}  # which is not read
    return api.post(pair.url("auth") + "/register", json=members, headers=headers)


def test_a_registration_answers_with_the_user_logged_in(pair: Pair, admin: Person) -> None:
    unique = new_name()[-8:]

    answer = post(pair, name=f"  Ame\u0301lie \uff21 '; DROP%\\ \U0001f600   {unique}", password=PASSWORD)

    body = answer.json()
    assert answer.status_code == 201
    assert body["message"] == "registered successfully"
    assert uuid.UUID(body["public_id"]).version == 4
    assert granted(pair, answer).request("GET", "/me").json()["public_id"] == body["public_id"]
    assert answer.headers["Location"] == "/me"
    shown = admin.get(f"/users/{body['public_id']}", "auth").json()
    assert shown["name"] == f"Amélie A '; DROP%\\ \U0001f600 {unique}"


def test_a_name_is_there_once_in_whatever_spelling(pair: Pair) -> None:
    name = f"a{new_name()}ß"
    register(pair, name)

    for again in (name.upper(), f" {name} ", f"\uff21{name[1:-1]}SS"):
        assert_problem(post(pair, name=again, password=PASSWORD), 409, "name is already taken")


@on_sqlite
def test_what_breaks_a_rule_is_refused_all_at_once_and_makes_no_user(pair: Pair) -> None:
    body = {"name": new_name(), "password": PASSWORD}

    for member, values in WRONG.items():
        for value in values:
            wrong = {member: value.format(NAME=body["name"].upper())}
            assert complaints(post(pair, **body | wrong)) == [f"/{member}"]
    assert sorted(complaints(post(pair))) == ["/name", "/password"]
    several = {"name": "a:b", "password": "x", "admin": True}
    assert sorted(complaints(post(pair, **several))) == ["/admin", "/name", "/password"]
    for member in ("admin", "id", "public_id", "disabled", "password_hash", "Name", "folded_name"):
        assert complaints(post(pair, **body | {member: True})) == [f"/{member}"]
    assert post(pair, **body).status_code == 201


@pytest.fixture
def limited(pair: Pair) -> Flask:
    """Return auth with a limit that is soon met."""
    return pair.variant(REGISTRATIONS_PER_HOUR=str(LIMIT)).apps["auth"]


@pytest.fixture
def address() -> str:
    return new_address()


def post_from(address: str, app: Flask, name: str = "") -> TestResponse:
    body = {"name": name or new_name(), "password": PASSWORD}
    return app.test_client().post("/register", json=body, environ_base={"REMOTE_ADDR": address})


def statuses(app: Flask, address: str, *names: str) -> list[int]:
    return [post_from(address, app, name).status_code for name in names]


def test_past_the_limit_a_network_has_to_wait(limited: Flask, address: str) -> None:
    assert statuses(limited, address, *[""] * LIMIT) == [201] * LIMIT

    refused = post_from(address[:-1] + "2", limited)

    assert refused.status_code == 429
    assert refused.mimetype == "application/problem+json"
    assert refused.json["message"] == "too many registrations from this network"  # type: ignore[index]
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert post_from(new_address(), limited).status_code == 201


def test_only_who_was_registered_counts(limited: Flask, address: str) -> None:
    """A taken name is refused without a hash, and behind the limit."""
    name = new_name()

    assert statuses(limited, address, name, *[name] * LIMIT) == [201] + [409] * LIMIT
    with no_core(limited):
        assert statuses(limited, address, name.upper(), *[""] * LIMIT) == [409] + [503] * LIMIT
    assert statuses(limited, address, *["a:b"] * LIMIT) == [422] * LIMIT
    assert statuses(limited, address, "", "", "", name, "a:b") == [201, 201, 429, 429, 422]


def test_of_many_at_once_no_more_get_in(limited: Flask, address: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post_from(address, limited).status_code, range(8)))

    assert Counter(answers) == {201: LIMIT, 429: 8 - LIMIT}


@pytest.mark.usefixtures("in_auth")
def test_a_place_is_free_an_hour_after_the_registration_that_took_it(address: str) -> None:
    def waits(minutes: int, limit: int = LIMIT) -> int:
        """Return the seconds that somebody has to wait at this minute, which both checks tell alike."""
        retry_after = set()
        for use in (registrations.check, registrations.admit):
            with pytest.raises(TooMany) as raised, db.write() as connection:
                use(connection, address, limit=limit, now=NOW + minutes * MINUTE)
            retry_after.add(raised.value.retry_after)
        return retry_after.pop() if len(retry_after) == 1 else 0

    for minutes in (0, 10, 20):
        admit(address, after=minutes * MINUTE)
    assert [waits(20), waits(59)] == [40 * 60, 60]
    admit(address, after=60 * MINUTE)
    assert [waits(60), waits(60, limit=1)] == [10 * 60, 60 * 60]
    admit(address, after=60 * MINUTE, limit=0)  # no limit


def admit(address: str, *, after: timedelta, limit: int = LIMIT) -> None:
    with db.write() as connection:
        registrations.admit(connection, address, limit=limit, now=NOW + after)


@pytest.mark.usefixtures("in_auth")
def test_a_clock_that_was_ahead_keeps_nobody_out(address: str) -> None:
    for after in (10 * DAY, 0 * DAY):
        for _ in range(LIMIT):
            admit(address, after=after)

    with pytest.raises(TooMany) as raised:
        admit(address, after=-SECOND)

    assert raised.value.retry_after == 3600

"""How many people may register from one network in an hour."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from auth_service.models import db
from auth_service.throttle import registrations
from auth_service.throttle.too_many import TooMany
from tests.auth.guessers import new_address
from tests.auth.hashers import no_core
from tests.pair import Pair
from tests.people import PASSWORD, new_name

LIMIT = 3
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def app(pair: Pair) -> Flask:
    """Return auth with a limit that is soon met."""
    return pair.variant(REGISTRATIONS_PER_HOUR=str(LIMIT)).apps["auth"]


@pytest.fixture
def address() -> str:
    return new_address()


def register(app: Flask, address: str, name: str | None = None) -> TestResponse:
    body = {"name": name or new_name(), "password": PASSWORD}
    return app.test_client().post("/register", json=body, environ_base={"REMOTE_ADDR": address})


def test_past_the_limit_a_network_has_to_wait(app: Flask, address: str) -> None:
    answers = [register(app, address) for _ in range(LIMIT)]

    refused = register(app, address[:-1] + "2")

    assert [answer.status_code for answer in answers] == [201] * LIMIT
    assert refused.status_code == 429
    assert refused.mimetype == "application/problem+json"
    assert refused.json["message"] == "too many registrations from this network"  # type: ignore[index]
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert register(app, new_address()).status_code == 201


def statuses(app: Flask, address: str, *names: str) -> list[int]:
    return [register(app, address, name).status_code for name in names]


def test_only_who_was_registered_counts(app: Flask, address: str) -> None:
    name = new_name()

    assert statuses(app, address, name, *[name] * LIMIT) == [201] + [409] * LIMIT
    assert statuses(app, address, *["a:b"] * LIMIT) == [422] * LIMIT
    assert statuses(app, address, new_name(), new_name(), new_name()) == [201, 201, 429]


def test_a_taken_name_is_refused_without_a_hash_and_behind_the_limit(app: Flask, address: str) -> None:
    name = new_name()
    assert statuses(app, address, name) == [201]
    with no_core(app):
        assert statuses(app, address, name, name.upper(), new_name()) == [409, 409, 503]
    assert statuses(app, address, new_name(), new_name()) == [201, 201]

    assert statuses(app, address, name, "a:b") == [429, 422]


def test_of_many_at_once_no_more_get_in(app: Flask, address: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: register(app, address).status_code, range(8)))

    assert Counter(answers) == {201: LIMIT, 429: 8 - LIMIT}


def test_a_place_is_free_an_hour_after_the_registration_that_took_it(app: Flask, address: str) -> None:
    def waits(minutes: int, limit: int = LIMIT) -> int:
        """Return the seconds that somebody has to wait at this minute, which both checks tell alike."""
        retry_after = set()
        for use in (registrations.check, registrations.admit):
            with pytest.raises(TooMany) as raised, db.write() as connection:
                use(connection, address, limit=limit, now=NOW + minutes * MINUTE)
            retry_after.add(raised.value.retry_after)
        return retry_after.pop() if len(retry_after) == 1 else 0

    def admit(minutes: int, limit: int = LIMIT) -> None:
        with db.write() as connection:
            registrations.admit(connection, address, limit=limit, now=NOW + minutes * MINUTE)

    with app.app_context():
        for minutes in (0, 10, 20):
            admit(minutes)
        assert [waits(20), waits(59)] == [40 * 60, 60]
        admit(60)
        assert [waits(60), waits(60, limit=1)] == [10 * 60, 60 * 60]
        admit(60, limit=0)  # no limit


def test_a_clock_that_was_ahead_keeps_nobody_out(app: Flask, address: str) -> None:
    with app.app_context():
        for days in (10, 0):
            for _ in range(LIMIT):
                with db.write() as connection:
                    now = NOW + timedelta(days=days)
                    registrations.admit(connection, address, limit=LIMIT, now=now)

        with pytest.raises(TooMany) as raised, db.read() as connection:
            registrations.check(connection, address, limit=LIMIT, now=NOW - timedelta(seconds=1))

    assert raised.value.retry_after == 3600

"""How many people may register from one network in an hour."""

import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from auth_service.models import db
from auth_service.throttle import registrations
from auth_service.throttle.too_many import TooMany
from common.ops.limits import ConcurrencyLimit
from tests.auth.hashers import make_hasher
from tests.people import PASSWORD, new_name

LIMIT = 3
SETTINGS = {"REGISTRATIONS_PER_HOUR": str(LIMIT)}
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def address() -> str:
    return new_address()


def new_address() -> str:
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


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


def test_only_who_was_registered_counts(app: Flask, address: str) -> None:
    name = new_name()
    first = register(app, address, name)
    taken = [register(app, address, name) for _ in range(LIMIT)]
    wrong = [register(app, address, "a:b") for _ in range(LIMIT)]

    answers = [register(app, address) for _ in range(LIMIT)]

    assert first.status_code == 201
    assert {answer.status_code for answer in taken} == {409}
    assert {answer.status_code for answer in wrong} == {422}
    assert [answer.status_code for answer in answers] == [201, 201, 429]


def test_a_taken_name_is_refused_without_a_hash_and_behind_the_limit(
    app: Flask, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, slots = new_name(), ConcurrencyLimit(1)
    assert register(app, address, name).status_code == 201
    with monkeypatch.context() as patch, slots.slot():
        patch.setitem(app.extensions, "hasher", make_hasher(slots=slots))
        answers = [register(app, address, each).status_code for each in (name, name.upper(), new_name())]

    for _ in range(LIMIT - 1):
        register(app, address)

    assert answers == [409, 409, 503]
    assert register(app, address, name).status_code == 429
    assert register(app, address, "a:b").status_code == 422


def test_of_many_at_once_no_more_get_in(app: Flask, address: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: register(app, address).status_code, range(8)))

    assert Counter(answers) == {201: LIMIT, 429: 8 - LIMIT}


def test_a_place_is_free_an_hour_after_the_registration_that_took_it(app: Flask, address: str) -> None:
    with app.app_context():
        for minutes in (0, 10, 20):
            admit(address, at=NOW + minutes * MINUTE)

        waits = [refused(address, at=NOW + minutes * MINUTE) for minutes in (20, 59)]
        admit(address, at=NOW + 60 * MINUTE)

        assert waits == [40 * 60, 60]
        assert refused(address, at=NOW + 60 * MINUTE) == 10 * 60


def test_a_lower_limit_counts_what_was_registered_before(app: Flask, address: str) -> None:
    with app.app_context():
        for minutes in (0, 10, 20):
            admit(address, at=NOW + minutes * MINUTE)

        assert refused(address, at=NOW + 30 * MINUTE, limit=1) == 50 * 60


def test_0_is_no_limit(app: Flask, address: str) -> None:
    with app.app_context():
        for _ in range(50):
            check(address, at=NOW, limit=0)
            admit(address, at=NOW, limit=0)


def admit(address: str, *, at: datetime, limit: int = LIMIT) -> None:
    """Register."""
    with db.write() as connection:
        registrations.admit(connection, address, limit=limit, now=at)


def check(address: str, *, at: datetime, limit: int) -> None:
    """Look whether somebody may register."""
    with db.read() as connection:
        registrations.check(connection, address, limit=limit, now=at)


def refused(address: str, *, at: datetime, limit: int = LIMIT) -> int:
    """Register when that has to be refused; return the seconds to wait, which both checks tell alike."""
    with pytest.raises(TooMany) as early:
        check(address, at=at, limit=limit)
    with pytest.raises(TooMany) as late:
        admit(address, at=at, limit=limit)
    assert early.value.retry_after == late.value.retry_after
    return late.value.retry_after

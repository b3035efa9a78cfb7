"""The throttle as a client meets it: 429, on every route that compares a password, whoever answers."""

import secrets
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import requests
import time_machine
from flask import Flask
from sqlalchemy import insert

from auth_service.audit import LOGIN_FAILED
from auth_service.models import AuditEntry, PasswordAttempt
from auth_service.throttle.pairs import key_of
from tests.at_once import at_once
from tests.auth.database import count, execute
from tests.auth.guessers import fail_from_everywhere, new_address
from tests.auth.hashers import no_core
from tests.auth.logins import login_of, try_password
from tests.auth.users import OTHER, change_password, delete_me
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, new_name, register
from tests.served import ServedPair

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"


def wrong() -> str:
    """Return another wrong password each time: the same one counts once."""
    return f"not the password {secrets.token_hex(4)}"


def fail(pair: Pair, name: str, password: str = "", *, client: str = HERE) -> requests.Response:
    """Log in from an address, which the service believes if it trusts this machine as a proxy."""
    return try_password(pair, name, password or wrong(), **{"X-Forwarded-For": client})


@pytest.fixture
def proxied(own_served_pair: ServedPair) -> ServedPair:
    """Return a pair that believes the addresses that a test gives itself, with auth running."""
    own_served_pair.environment["TRUSTED_PROXIES"] = "127.0.0.1"
    return own_served_pair.start("auth")


@pytest.mark.parametrize("is_known", [True, False])
def test_the_sixth_try_has_to_wait_and_the_right_password_ends_that(
    pair: Pair, person: Person, is_known: bool
) -> None:
    name = person.name if is_known else new_name()
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        answers = [fail(pair, name) for _ in range(5)]
        refused = fail(pair, name, PASSWORD)
        clock.shift(1)
        after = fail(pair, name, PASSWORD)
        again = fail(pair, name)

    assert [answer.status_code for answer in answers] == [401] * 5
    assert_problem(refused, 429, "too many attempts")
    assert refused.headers["Retry-After"] == "1"
    assert after.status_code == (200 if is_known else 401)
    assert again.status_code == (401 if is_known else 429)


def test_every_route_that_compares_a_password_counts_for_the_others(person: Person) -> None:
    routes: list[Callable[[], requests.Response]] = [
        lambda: try_password(person.pair, person.name, wrong()),
        lambda: change_password(person, OTHER, wrong()),
        lambda: delete_me(person, auth=(person.name, wrong())),
    ]

    statuses = [route().status_code for route in [*routes, *routes, *routes]]

    assert statuses == [401, 403, 401, 401, 403, 429, 429, 429, 429]
    assert login_of(person).is_live


def test_of_many_tries_at_once_ten_are_compared_and_a_restart_forgets_nothing(proxied: ServedPair) -> None:
    name, url = register(proxied).name, proxied.url("auth")

    answers = at_once(40, url, lambda *_: fail(proxied, name))
    statuses = Counter(answer.status_code for answer in answers)

    # 503: on a busy machine no core may come free in time, and then nothing was compared.
    assert {401, 429} <= statuses.keys() <= {401, 429, 503}
    assert statuses[401] == compared(proxied) <= 10
    failed = {"name_key": key_of(name), "network": HERE, "at": datetime.now(UTC), "failed": True}
    execute(proxied, insert(PasswordAttempt), *[failed] * 10)  # a wait that outlasts a restart
    failures = compared(proxied)
    proxied.stop("auth")
    proxied.start("auth")
    assert fail(proxied, name, PASSWORD).status_code == 429
    assert fail(proxied, name, PASSWORD, client=ELSEWHERE).status_code == 200
    assert fail(proxied, name, PASSWORD, client=ELSEWHERE).status_code == 200
    assert compared(proxied) == failures


def compared(pair: Pair) -> int:
    """Return how many wrong passwords were compared."""
    return count(pair, AuditEntry.event == LOGIN_FAILED)


def test_who_has_a_64_of_ipv6_is_one_client(app: Flask) -> None:
    client, name = app.test_client(), new_name()

    statuses = [
        client.post("/login", auth=(name, wrong()), environ_base={"REMOTE_ADDR": address}).status_code
        for address in [*(f"2001:db8:7:7::{each}" for each in range(6)), "2001:db8:7:8::1"]
    ]

    assert statuses == [401] * 5 + [429, 401]


def test_what_finds_no_core_to_hash_on_is_given_back(pair: Pair, app: Flask) -> None:
    name = new_name()

    with no_core(app):
        answers = [try_password(pair, name, wrong()) for _ in range(12)]

    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "5")}
    assert count(pair, PasswordAttempt.name_key == key_of(name)) == 0


def test_a_registration_makes_its_network_known(app: Flask) -> None:
    name, client = new_name(), app.test_client()
    body, address = {"name": name, "password": PASSWORD}, {"REMOTE_ADDR": new_address()}
    assert client.post("/register", json=body, environ_base=address).status_code == 201

    with app.app_context():
        fail_from_everywhere(name, at=datetime.now(UTC))

    assert client.post("/login", json=body, environ_base={"REMOTE_ADDR": new_address()}).status_code == 429
    assert client.post("/login", json=body, environ_base=address).status_code == 200

"""The throttle as a client meets it: 429, on every route that compares a password, whoever answers."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import requests
import time_machine
from flask import Flask
from time_machine import Traveller

from auth_service.models import AuditEntry, PasswordAttempt
from auth_service.throttle.attempts import key_of
from common.ops.limits import ConcurrencyLimit
from tests.auth.database import count
from tests.auth.guessers import fail_from_everywhere, new_address
from tests.auth.hashers import make_hasher, no_core
from tests.auth.logins import login_of, try_password
from tests.auth.users import OTHER, change_password, delete_me
from tests.cases import on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, new_name
from tests.waiting import wait_until


def wrong() -> str:
    """Return another wrong password each time: the same one counts once."""
    return f"not the password {secrets.token_hex(4)}"


def status_from(address: str, app: Flask, name: str, password: str = PASSWORD) -> int:
    body = {"name": name, "password": password}
    return app.test_client().post("/login", json=body, environ_base={"REMOTE_ADDR": address}).status_code


@pytest.fixture
def clock() -> Iterator[Traveller]:
    """Let the time stand still."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


@on_sqlite
@pytest.mark.parametrize("is_known", [True, False])
def test_the_sixth_try_has_to_wait(pair: Pair, person: Person, clock: Traveller, is_known: bool) -> None:
    name = person.name if is_known else new_name()
    answers = [try_password(pair, name, wrong()) for _ in range(5)]
    refused = try_password(pair, name)
    clock.shift(1)
    after = try_password(pair, name)
    again = try_password(pair, name, wrong())

    assert [answer.status_code for answer in answers] == [401] * 5
    assert_problem(refused, 429, "too many attempts")
    assert refused.headers["Retry-After"] == "1"
    assert after.status_code == (200 if is_known else 401)
    assert again.status_code == (401 if is_known else 429)


@on_sqlite
@pytest.mark.usefixtures("clock")
def test_every_route_that_compares_a_password_counts_for_the_others(person: Person) -> None:
    routes: list[Callable[[], requests.Response]] = [
        lambda: try_password(person.pair, person.name, wrong()),
        lambda: change_password(person, OTHER, wrong()),
        lambda: delete_me(person, auth=(person.name, wrong())),
    ]

    statuses = [route().status_code for route in routes * 3]

    assert statuses == [401, 403, 401, 401, 403, 429, 429, 429, 429]
    assert login_of(person).is_live


@pytest.mark.parametrize("is_same", [True, False])
def test_of_many_at_once_ten_are_compared(pair: Pair, monkeypatch: pytest.MonkeyPatch, is_same: bool) -> None:
    replicas = [pair.apps["auth"], pair.variant(WEB_CONCURRENCY="1").apps["auth"]]  # with one database
    slots = ConcurrencyLimit(1, waiting=40, wait=60)
    for app in replicas:
        monkeypatch.setitem(app.extensions, "hasher", make_hasher(slots=slots))
    name, address = new_name(), new_address()

    def status(number: int) -> int:
        return status_from(address, replicas[number % 2], name, "the same" if is_same else wrong())

    with ThreadPoolExecutor(40) as threads, slots.slot():
        running = [threads.submit(status, number) for number in range(40)]
        wait_until(lambda: sum(each.done() for each in running) == 30, "30 are refused before a hash")
        slots.release()
        statuses = Counter(each.result() for each in running)
        slots.acquire()

    assert statuses == {401: 10, 429: 30}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_repeat_is_answered_as_ever_and_noted_once(app: Flask, person: Person, is_known: bool) -> None:
    name, address = person.name if is_known else new_name(), new_address()

    assert [status_from(address, app, name, "the same") for _ in range(12)] == [401] * 12
    assert status_from(address, app, name) == (200 if is_known else 401)

    failures = AuditEntry.ip == address, AuditEntry.event == "login.failed"
    assert count(person.pair, *failures) == (1 if is_known else 2)


@on_sqlite
def test_what_finds_no_core_to_hash_on_is_given_back(pair: Pair, app: Flask) -> None:
    name = new_name()

    with no_core(app):
        answers = [try_password(pair, name, wrong()) for _ in range(12)]

    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "5")}
    assert count(pair, PasswordAttempt.name_key == key_of(name)) == 0


@on_sqlite
def test_a_registration_makes_its_network_known(app: Flask) -> None:
    name, address = new_name(), new_address()
    body, environ = {"name": name, "password": PASSWORD}, {"REMOTE_ADDR": address}
    assert app.test_client().post("/register", json=body, environ_base=environ).status_code == 201

    with app.app_context():
        fail_from_everywhere(name, at=datetime.now(UTC))

    assert status_from(new_address(), app, name) == 429
    assert status_from(address, app, name) == 200

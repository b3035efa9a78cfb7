"""A network past its 300 failures: who is known there still gets in, and nobody else learns who is known."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, update
from werkzeug.test import TestResponse

from auth_service.models import KnownNetwork, db
from auth_service.throttle.attempts import Counts
from auth_service.throttle.pairs import key_of
from auth_service.throttle.password_waits import know_network, network_refusal, refusal
from auth_service.views.authentication import network_of
from common.ops.limits import ConcurrencyLimit
from tests.auth.guessers import DAY, HOUR, MINUTE, NOW, SECOND, add_failures, new_address
from tests.auth.hashers import make_hasher, no_core
from tests.people import PASSWORD, Person, new_name


@pytest.fixture(autouse=True)
def clock(app: Flask) -> Iterator[time_machine.Traveller]:
    """Stand in the service, with a clock that stands still."""
    with app.app_context(), time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def address() -> str:
    return new_address()


@pytest.fixture
def full(address: str) -> str:
    """Return an address in a network that has had its 300 failures."""
    fill(address)
    return address


def fill(address: str) -> None:
    add_failures(*((new_name(), network_of(address), NOW) for _ in range(300)))


def know(person: Person, address: str, *, at: datetime = NOW) -> None:
    with db.write() as connection:
        know_network(connection, key_of(person.name), network_of(address), now=at)


def log_in(app: Flask, name: str, address: str, password: str = PASSWORD) -> TestResponse:
    environ = {"REMOTE_ADDR": address}
    return app.test_client().post("/login", auth=(name, password), environ_base=environ)


def test_who_logged_in_there_gets_in_with_the_right_password(app: Flask, person: Person, full: str) -> None:
    know(person, full, at=NOW - 30 * DAY + SECOND)

    assert log_in(app, person.name, full).status_code == 200


@pytest.mark.parametrize("days", [None, 30])
def test_who_did_not_or_long_ago_does_not(app: Flask, person: Person, full: str, days: int | None) -> None:
    if days:
        know(person, full, at=NOW - days * DAY)

    assert log_in(app, person.name, full).status_code == 429


def test_a_name_is_compared_at_most_once_in_ten_seconds(
    app: Flask, person: Person, full: str, clock: time_machine.Traveller
) -> None:
    know(person, full)
    statuses = []
    for seconds in (0, 0, 9, 10, 11, 20):
        clock.move_to(NOW + seconds * SECOND)
        statuses.append(log_in(app, person.name, full).status_code)

    assert statuses == [200, 429, 429, 200, 429, 200]


def test_a_wrong_password_takes_the_ten_seconds_too(app: Flask, person: Person, full: str) -> None:
    know(person, full)

    assert log_in(app, person.name, full, "not the password").status_code == 429
    assert log_in(app, person.name, full).status_code == 429


def seen(answer: TestResponse) -> tuple[object, ...]:
    """Return what a client sees of an answer."""
    del answer.headers["X-Request-ID"]
    return answer.status_code, answer.data, sorted(answer.headers)


def test_the_answer_does_not_tell_who_is_known_there(app: Flask, person: Person, full: str) -> None:
    know(person, full)
    known, again = (log_in(app, person.name, full, "not the password") for _ in range(2))
    unknown, nobody = log_in(app, new_name(), full), log_in(app, new_name(), full, "x")

    assert known.headers["Retry-After"] == "10"
    assert seen(known) == seen(again) == seen(unknown) == seen(nobody)


def test_nor_do_many_answers_and_those_of_the_next_hour(
    app: Flask, person: Person, full: str, clock: time_machine.Traveller
) -> None:
    """Failures that count for known names alone would keep the network full for longer, or begin a wait."""
    know(person, full)
    fill(other := new_address())
    names = {full: person.name, other: new_name()}
    full_for = [minute * MINUTE for minute in range(0, 60, 6)]
    later = [HOUR + tries * SECOND for tries in range(7)]
    for number, after in enumerate(full_for + later):
        clock.move_to(NOW + after)
        known, unknown = (log_in(app, name, where, f"wrong {number}") for where, name in names.items())

        assert (after, seen(known)) == (after, seen(unknown))
        assert known.status_code == 429 or after >= HOUR


def test_nor_does_the_time_for_every_answer_takes_a_hash(app: Flask, person: Person, full: str) -> None:
    know(person, full)

    with no_core(app):  # so that whoever wants a hash is answered 503
        statuses = [log_in(app, name, full).status_code for name in (person.name, person.name, new_name())]

    assert statuses == [503] * 3


def test_and_the_same_statements(app: Flask, person: Person, full: str) -> None:
    know(person, full)
    known, early, unknown = (
        statements_of(app, name, full) for name in (person.name, person.name, new_name())
    )

    assert known[:-1] == early[:-1] == unknown[:-1]
    # The row of the attempt is updated or deleted at last.
    assert [each.split()[0] for each in (known[-1], early[-1], unknown[-1])] == ["UPDATE", "DELETE", "DELETE"]


def statements_of(app: Flask, name: str, address: str) -> list[str]:
    """Log in with a wrong password, and return the statements that it takes."""
    statements = list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert log_in(app, name, address, "not the password").status_code == 429
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return statements


def test_a_known_name_has_the_waits_of_wrong_passwords(
    app: Flask, person: Person, full: str, clock: time_machine.Traveller
) -> None:
    know(person, full)
    for number in range(9):  # after the fifth it has to wait for 1 s, after this one for 16
        clock.shift(10 * SECOND)
        log_in(app, person.name, full, f"wrong {number}")
    statuses = []
    for seconds in (15, 1, 10):
        clock.shift(seconds * SECOND)
        statuses.append(log_in(app, person.name, full).status_code)

    assert statuses == [429, 200, 200]


def test_the_same_wrong_password_counts_once_there_too(
    app: Flask, person: Person, full: str, clock: time_machine.Traveller
) -> None:
    know(person, full)
    for _ in range(20):
        log_in(app, person.name, full, "not the password")
        clock.shift(10 * SECOND)

    assert log_in(app, person.name, full).status_code == 200


def test_of_many_simultaneous_attempts_with_one_password_ten_are_compared(
    app: Flask, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots, name = ConcurrencyLimit(1, waiting=40, wait=60), new_name()
    monkeypatch.setitem(app.extensions, "hasher", make_hasher(slots=slots))

    with ThreadPoolExecutor(40) as threads, slots.slot():
        running = [threads.submit(log_in, app, name, address, "the same") for _ in range(40)]
        while sum(each.done() for each in running) < 30:
            time.sleep(0.01)
        refused = [each.result().status_code for each in running if each.done()]
        slots.release()
        compared = [each.result().status_code for each in running]
        slots.acquire()

    assert refused == [429] * 30
    assert sorted(compared) == [401] * 10 + [429] * 30


@pytest.mark.parametrize("failures", [5, 100, 300])
@pytest.mark.parametrize("ahead", [10 * DAY, timedelta(minutes=2)])
def test_no_wait_lasts_until_a_clock_that_was_ahead_is_reached_again(
    app: Flask, person: Person, address: str, failures: int, ahead: timedelta
) -> None:
    add_failures(*[(person.name, network_of(address), NOW + ahead)] * failures)

    assert log_in(app, person.name, address).status_code == 200


def test_no_wait_is_longer_than_its_rule_within_the_skew_of_two_clocks() -> None:
    soon = NOW + SECOND
    waits = [
        refusal(Counts(failures=5, last_failure=soon), now=NOW),
        refusal(Counts(name_attempts=100, name_oldest=soon), now=NOW),
        network_refusal(Counts(network_attempts=300, network_oldest=soon), now=NOW),
    ]

    assert [wait.retry_after for wait in waits if wait] == [1, 3600, 10]


def test_who_was_let_in_by_a_clock_that_was_ahead_is_let_in_now(
    app: Flask, person: Person, full: str
) -> None:
    know(person, full)
    with db.write() as connection:
        of_person = KnownNetwork.name_key == key_of(person.name)
        connection.execute(update(KnownNetwork).where(of_person).values(tried_at=NOW + DAY))

    assert log_in(app, person.name, full).status_code == 200

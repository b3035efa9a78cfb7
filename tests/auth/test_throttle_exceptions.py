"""Exceptions of the throttle: who is known in a network past its 300 failures, and a repeated password."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event, select, update
from time_machine import Traveller
from werkzeug.test import TestResponse

from auth_service.models import KnownNetwork, PasswordAttempt, db
from auth_service.throttle import password_waits
from auth_service.throttle.attempts import key_of
from auth_service.throttle.password_waits import know_network
from auth_service.views.authentication import network_of
from tests.auth.guessers import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    Guesser,
    add_failures,
    key_set,
    new_address,
)
from tests.auth.hashers import no_core
from tests.cases import every
from tests.people import PASSWORD, Person, new_name

WRONG = "not the password"


@pytest.fixture(autouse=True)
def clock(app: Flask) -> Iterator[Traveller]:
    """Stand in the service, with a clock that stands still."""
    with app.app_context(), time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def full() -> str:
    """Return an address in a network that has had its 300 failures."""
    return fill(new_address())


def fill(address: str) -> str:
    add_failures(*((new_name(), network_of(address), NOW) for _ in range(300)))
    return address


def know(person: Person, address: str, *, at: datetime = NOW) -> None:
    with db.write() as connection:
        know_network(connection, key_of(person.name), network_of(address), now=at)


def log_in(app: Flask, name: str, address: str, password: str = PASSWORD) -> TestResponse:
    environ = {"REMOTE_ADDR": address}
    return app.test_client().post("/login", auth=(name, password), environ_base=environ)


@pytest.mark.parametrize(
    ("known_at", "status"), [(NOW - 30 * DAY + SECOND, 200), (NOW - 30 * DAY, 429), (None, 429)]
)
def test_who_logged_in_there_within_30_days_gets_in_with_the_right_password(
    app: Flask, person: Person, full: str, known_at: datetime | None, status: int
) -> None:
    if known_at:
        know(person, full, at=known_at)

    assert log_in(app, person.name, full).status_code == status


def test_a_name_has_one_try_in_ten_seconds(app: Flask, person: Person, full: str, clock: Traveller) -> None:
    know(person, full)
    statuses = []
    for seconds, password in ((0, PASSWORD), (0, PASSWORD), (9, PASSWORD), (10, WRONG), (19, PASSWORD)):
        clock.move_to(NOW + seconds * SECOND)
        statuses.append(log_in(app, person.name, full, password).status_code)

    assert statuses == [200, 429, 429, 429, 429]


def seen(answer: TestResponse) -> tuple[object, ...]:
    """Return what a client sees of an answer."""
    del answer.headers["X-Request-ID"]
    return answer.status_code, answer.data, sorted(answer.headers)


def test_the_answer_does_not_tell_who_is_known_there(app: Flask, person: Person, full: str) -> None:
    know(person, full)
    known, again = (log_in(app, person.name, full, WRONG) for _ in range(2))
    unknown, nobody = log_in(app, new_name(), full), log_in(app, new_name(), full, "x")

    assert known.headers["Retry-After"] == "10"
    assert seen(known) == seen(again) == seen(unknown) == seen(nobody)


def test_nor_do_many_answers_or_later_ones(app: Flask, person: Person, full: str, clock: Traveller) -> None:
    """Failures that count for known names alone would keep the network full for longer, or begin a wait."""
    know(person, full)
    names = {full: person.name, fill(new_address()): new_name()}
    full_for = [minute * MINUTE for minute in range(0, 60, 6)]
    later = [HOUR + tries * SECOND for tries in range(7)]
    for number, after in enumerate(full_for + later):
        clock.move_to(NOW + after)
        known, unknown = (log_in(app, name, where, f"wrong {number}") for where, name in names.items())

        assert (after, seen(known)) == (after, seen(unknown))
        assert known.status_code == 429 or after >= HOUR


def test_nor_does_the_time_that_it_takes(app: Flask, person: Person, full: str, clock: Traveller) -> None:
    know(person, full)
    names = (person.name, person.name, new_name())
    with no_core(app):  # so that whoever wants a hash is answered 503
        assert [log_in(app, name, full).status_code for name in names] == [503] * 3
    clock.shift(10 * SECOND)

    known, early, unknown = (statements_of(app, name, full) for name in names)

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
        assert log_in(app, name, address, WRONG).status_code == 429
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return statements


@pytest.mark.parametrize(("is_same", "statuses"), [(False, [429, 200, 200]), (True, [200, 200, 200])])
def test_a_known_name_has_the_waits_of_wrong_passwords_and_the_same_one_counts_once(
    app: Flask, person: Person, full: str, clock: Traveller, is_same: bool, statuses: list[int]
) -> None:
    know(person, full)
    for number in range(9):  # after the fifth it has to wait for 1 s, after this one for 16
        clock.shift(10 * SECOND)
        log_in(app, person.name, full, WRONG if is_same else f"wrong {number}")
    found = []
    for seconds in (15, 11, 10):
        clock.shift(seconds * SECOND)
        found.append(log_in(app, person.name, full).status_code)

    assert found == statuses


def test_who_was_let_in_by_a_clock_ahead_is_let_in_now(app: Flask, person: Person, full: str) -> None:
    know(person, full)
    with db.write() as connection:
        of_person = KnownNetwork.name_key == key_of(person.name)
        connection.execute(update(KnownNetwork).where(of_person).values(tried_at=NOW + DAY))

    assert log_in(app, person.name, full).status_code == 200


# The same wrong password for a name from one network counts once in 15 minutes.
OLD = "the password of last year"


def digests(name: str) -> list[bytes]:
    statement = select(PasswordAttempt.digest).where(PasswordAttempt.name_key == key_of(name))
    with db.read() as connection:
        return [digest for (digest,) in connection.execute(statement) if digest]


def test_an_old_client_that_keeps_trying_keeps_nobody_out(guesser: Guesser) -> None:
    counted = [guesser.repeat(OLD, at=NOW + minute * MINUTE) for minute in range(15)]

    assert counted == [True] + [False] * 14
    guesser.look(NOW + 15 * MINUTE, PASSWORD)
    assert guesser.repeat(OLD, at=NOW + 15 * MINUTE)


def test_another_password_name_or_network_counts_and_a_key_without_the_old_one(guesser: Guesser) -> None:
    assert guesser.repeat(OLD, keys=key_set("old"))

    assert not guesser.repeat(OLD, keys=key_set("new", "old"))
    assert guesser.repeat(OLD, keys=key_set("new"))
    assert not Guesser(guesser.name.upper(), guesser.network).repeat(OLD, keys=key_set("new"))
    for another in (guesser, Guesser(network=guesser.network), Guesser(guesser.name)):
        assert another.repeat(f"{OLD}." if another is guesser else OLD, keys=key_set("new"))


@every("made_at, later", [(NOW, NOW + 15 * MINUTE), (NOW + DAY, NOW)])
def test_a_digest_is_kept_for_15_minutes_only_whatever_the_clock(made_at: datetime, later: datetime) -> None:
    guesser = Guesser()
    guesser.repeat(OLD, at=made_at)
    Guesser().repeat(OLD, at=made_at + 14 * MINUTE)
    assert len(digests(guesser.name)) == 1

    for _ in range(20):  # others of this database are as old
        Guesser().repeat(OLD, at=later)

    assert digests(guesser.name) == []


def test_a_repeat_that_overlaps_with_others_takes_one_of_their_ten_places(guesser: Guesser) -> None:
    with ExitStack() as running:
        others = [running.enter_context(guesser.attempt()) for _ in range(8)]
        assert guesser.repeat(OLD)
        assert not guesser.repeat(OLD)

        assert guesser.wait(PASSWORD) == 1
        with db.write() as connection:
            for other in others:
                other.succeeded(connection, now=NOW)

    guesser.look(NOW, PASSWORD)


def test_a_password_repeated_too_often_has_to_wait(guesser: Guesser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_waits, "MAX_REPEATS", 3)
    counted = [guesser.repeat(OLD, at=NOW + SECOND) for _ in range(4)]

    assert counted == [True, False, False, False]
    assert guesser.wait(OLD, at=NOW + MINUTE) == 14 * 60 + 1
    guesser.look(NOW + MINUTE, PASSWORD)
    guesser.look(NOW + 15 * MINUTE + SECOND, OLD)

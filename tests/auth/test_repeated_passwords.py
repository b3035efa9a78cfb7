"""The same wrong password for a name from one network counts once in 15 minutes."""

from collections import Counter
from contextlib import ExitStack
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select

from auth_service.models import AuditEntry, PasswordAttempt, db
from auth_service.throttle import password_waits
from auth_service.throttle.attempts import key_of, pair_of
from tests.auth.guessers import DAY, KEYS, MINUTE, NOW, SECOND, Guesser, key_set, new_address
from tests.cases import every
from tests.people import PASSWORD, Person, new_name

OLD = "the password of last year"
pytestmark = pytest.mark.usefixtures("in_auth")


def digests(name: str) -> list[bytes]:
    statement = select(PasswordAttempt.digest).where(PasswordAttempt.name_key == key_of(name))
    with db.read() as connection:
        return [digest for (digest,) in connection.execute(statement) if digest]


def test_an_old_client_that_keeps_trying_keeps_nobody_out(guesser: Guesser) -> None:
    counted = [guesser.repeat(OLD, at=NOW + minute * MINUTE) for minute in range(15)]

    assert counted == [True] + [False] * 14
    guesser.look(NOW + 15 * MINUTE, PASSWORD)
    assert guesser.repeat(OLD, at=NOW + 15 * MINUTE)


def test_what_is_another_password_another_name_or_another_network_counts(guesser: Guesser) -> None:
    assert guesser.repeat(OLD)

    assert guesser.repeat(OLD + ".")
    assert Guesser(network=guesser.network).repeat(OLD)
    assert Guesser(guesser.name).repeat(OLD)
    assert not Guesser(guesser.name.upper(), guesser.network).repeat(OLD)


def test_a_rotation_makes_no_password_a_new_one(guesser: Guesser) -> None:
    assert guesser.repeat(OLD, keys=key_set("old"))

    assert not guesser.repeat(OLD, keys=key_set("new", "old"))
    assert guesser.repeat(OLD, keys=key_set("new"))


def test_the_database_alone_tells_nothing_of_a_password(guesser: Guesser) -> None:
    guesser.repeat(OLD)

    (stored,) = digests(guesser.name)
    pairs = [pair_of(guesser.name, guesser.network, password=OLD, keys=each) for each in (KEYS, key_set("c"))]
    assert stored == pairs[0].digests[0]
    assert stored not in pairs[1].digests


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


def test_a_password_that_is_repeated_without_end_is_no_longer_compared(
    guesser: Guesser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_waits, "MAX_REPEATS", 3)
    counted = [guesser.repeat(OLD, at=NOW + SECOND) for _ in range(4)]

    assert counted == [True, False, False, False]
    assert guesser.wait(OLD, at=NOW + MINUTE) == 14 * 60 + 1
    guesser.look(NOW + MINUTE, PASSWORD)
    guesser.look(NOW + 15 * MINUTE + SECOND, OLD)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_repeat_is_answered_as_ever_and_noted_once(app: Flask, person: Person, is_known: bool) -> None:
    name, client = person.name if is_known else new_name(), app.test_client()
    address = {"REMOTE_ADDR": new_address()}

    statuses = Counter(
        client.post("/login", auth=(name, OLD), environ_base=address).status_code for _ in range(12)
    )
    right = client.post("/login", auth=(name, PASSWORD), environ_base=address)

    assert statuses == {401: 12}
    assert right.status_code == (200 if is_known else 401)
    entries = select(AuditEntry.id).where(AuditEntry.ip == address["REMOTE_ADDR"])
    with db.read() as connection:
        failures = connection.execute(entries.where(AuditEntry.event == "login.failed")).all()
    assert len(failures) == (1 if is_known else 2)

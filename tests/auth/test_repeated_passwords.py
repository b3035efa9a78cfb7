"""The same wrong password for a name from one network counts once in 15 minutes."""

from collections import Counter
from contextlib import ExitStack
from datetime import datetime
from types import MappingProxyType

import pytest
from flask import Flask
from sqlalchemy import select

from auth_service.models import AuditEntry, PasswordAttempt, db
from auth_service.throttle import password_waits
from auth_service.throttle.pairs import digests_of, key_of
from auth_service.throttle.password_waits import attempt as attempt_of
from auth_service.throttle.too_many import TooMany
from common.tokens.keys import Key, KeySet
from tests.auth.guessers import DAY, MINUTE, NOW, SECOND, new_address, new_network
from tests.people import PASSWORD, Person, new_name

OLD = "the password of last year"


def key_set(*names: str) -> KeySet:
    """Return keys of these names, of which the first signs."""
    keys = {name: Key(name, (name * 32).encode()) for name in names}
    return KeySet(signing=keys[names[0]], verifying=MappingProxyType(keys))


KEYS = key_set("a", "b")
pytestmark = pytest.mark.usefixtures("in_auth")


@pytest.fixture
def name() -> str:
    return new_name()


@pytest.fixture
def network() -> str:
    return new_network()


def fail(name: str, network: str, password: str = OLD, *, at: datetime = NOW, keys: KeySet = KEYS) -> bool:
    """Try a wrong password, which has to be compared; return whether it counted."""
    digests = digests_of(password, name=name, network=network, keys=keys)
    with (
        attempt_of(name, network, now=at, digests=digests) as attempt,
        db.write() as connection,
    ):
        return attempt.failed(connection, now=at)


def wait(name: str, network: str, password: str = PASSWORD, *, at: datetime = NOW) -> int:
    """Return the seconds that the next try has to wait, 0 for none."""
    digests = digests_of(password, name=name, network=network, keys=KEYS)
    try:
        with attempt_of(name, network, now=at, digests=digests):
            return 0
    except TooMany as refused:
        return refused.retry_after


def digests(name: str) -> list[bytes]:
    statement = select(PasswordAttempt.digest).where(PasswordAttempt.name_key == key_of(name))
    with db.read() as connection:
        return [digest for (digest,) in connection.execute(statement) if digest]


def test_an_old_client_that_keeps_trying_keeps_nobody_out(name: str, network: str) -> None:
    counted = [fail(name, network, at=NOW + minute * MINUTE) for minute in range(15)]

    assert counted == [True] + [False] * 14
    assert wait(name, network, at=NOW + 15 * MINUTE) == 0
    assert fail(name, network, at=NOW + 15 * MINUTE)


def test_what_is_another_password_another_name_or_another_network_counts(name: str, network: str) -> None:
    assert fail(name, network)

    assert fail(name, network, OLD + ".")
    assert fail(new_name(), network)
    assert fail(name, new_network())
    assert not fail(name.upper(), network)


def test_a_rotation_makes_no_password_a_new_one(name: str, network: str) -> None:
    assert fail(name, network, keys=key_set("old"))

    assert not fail(name, network, keys=key_set("new", "old"))
    assert fail(name, network, keys=key_set("new"))


def test_the_database_alone_tells_nothing_of_a_password(name: str, network: str) -> None:
    fail(name, network)

    (stored,) = digests(name)
    other = digests_of(OLD, name=name, network=network, keys=key_set("another"))
    assert stored == digests_of(OLD, name=name, network=network, keys=KEYS)[0]
    assert stored not in other


def test_a_digest_is_kept_for_15_minutes_only(name: str, network: str) -> None:
    fail(name, network)
    fail(new_name(), network, at=NOW + 14 * MINUTE)
    before = digests(name)

    for _ in range(20):  # others of this database are as old
        fail(new_name(), new_network(), at=NOW + 15 * MINUTE)

    assert (len(before), digests(name)) == (1, [])


def test_a_clock_that_was_set_back_does_not_keep_a_digest(name: str, network: str) -> None:
    fail(name, network, at=NOW + DAY)

    for _ in range(20):
        fail(new_name(), new_network(), at=NOW)

    assert digests(name) == []


def test_a_repeat_that_overlaps_with_others_takes_one_of_their_ten_places(name: str, network: str) -> None:
    with ExitStack() as running:
        others = [running.enter_context(attempt_of(name, network, now=NOW)) for _ in range(8)]
        assert fail(name, network)
        assert not fail(name, network)

        assert wait(name, network) == 1
        with db.write() as connection:
            for other in others:
                other.succeeded(connection, now=NOW)

    assert wait(name, network) == 0


def test_a_password_that_is_repeated_without_end_is_no_longer_compared(
    name: str, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_waits, "MAX_REPEATS", 3)
    counted = [fail(name, network, at=NOW + SECOND) for _ in range(4)]

    assert counted == [True, False, False, False]
    assert wait(name, network, OLD, at=NOW + MINUTE) == 14 * 60 + 1
    assert wait(name, network, PASSWORD, at=NOW + MINUTE) == 0
    assert wait(name, network, OLD, at=NOW + 15 * MINUTE + SECOND) == 0


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

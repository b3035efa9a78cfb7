"""The same wrong password for a name from one network counts once in 15 minutes."""

from contextlib import ExitStack
from datetime import datetime

import pytest
from sqlalchemy import select

from auth_service.models import PasswordAttempt, db
from auth_service.throttle import password_waits
from auth_service.throttle.attempts import key_of
from tests.auth.guessers import DAY, MINUTE, NOW, SECOND, Guesser, key_set
from tests.cases import every
from tests.people import PASSWORD

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


def test_another_password_name_or_network_counts_and_another_key_only_without_the_old_one(
    guesser: Guesser,
) -> None:
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


def test_a_password_that_is_repeated_without_end_is_no_longer_compared(
    guesser: Guesser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_waits, "MAX_REPEATS", 3)
    counted = [guesser.repeat(OLD, at=NOW + SECOND) for _ in range(4)]

    assert counted == [True, False, False, False]
    assert guesser.wait(OLD, at=NOW + MINUTE) == 14 * 60 + 1
    guesser.look(NOW + MINUTE, PASSWORD)
    guesser.look(NOW + 15 * MINUTE + SECOND, OLD)

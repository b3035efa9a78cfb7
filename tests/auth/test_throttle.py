"""How often a password may be tried: the rules with a moved clock, and what many at once come to."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, insert, select
from sqlalchemy.exc import TimeoutError as PoolTimeout

from auth_service.models import PasswordAttempt, db
from auth_service.throttle import attempts, password_waits
from auth_service.throttle.attempts import Counts
from auth_service.throttle.password_waits import attempt as attempt_of
from auth_service.throttle.password_waits import key_of
from auth_service.throttle.too_many import TooMany
from auth_service.views.authentication import network_of
from tests.people import new_name

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))


@pytest.fixture(autouse=True)
def in_auth(app: Flask) -> Iterator[None]:
    """Stand in the service, with its database: the rules are plain functions."""
    with app.app_context():
        yield


@pytest.fixture
def name() -> str:
    return new_name()


def new_network() -> str:
    return network_of(f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1")


@pytest.fixture
def network() -> str:
    return new_network()


def fail(name: str, network: str, *, at: datetime = NOW, times: int = 1) -> None:
    """Try a wrong password, or several at once; all have to be admitted."""
    with ExitStack() as running:
        admitted = [running.enter_context(attempt_of(name, network, now=at)) for _ in range(times)]
        with db.write() as connection:
            for attempt in admitted:
                attempt.failed(connection, now=at)


def add_failures(failures: Iterable[tuple[str, str, datetime]]) -> None:
    """Let there have been failures of these names, from these networks, at these times."""
    rows = [
        {"name_key": key_of(name), "network": network, "at": at, "failed": True}
        for name, network, at in failures
    ]
    with db.write() as connection:
        connection.execute(insert(PasswordAttempt), rows)


def fail_from_everywhere(name: str, *, times: int = 100) -> None:
    """Try wrong passwords, each from a network of its own."""
    add_failures((name, new_network(), NOW) for _ in range(times))


def succeed(name: str, network: str, *, at: datetime = NOW) -> None:
    """Try the right password; it has to be admitted."""
    with attempt_of(name, network, now=at) as attempt, db.write() as connection:
        attempt.succeeded(connection, now=at)


def begin(name: str, network: str, *, at: datetime = NOW) -> None:
    """Begin a try whose process dies before it ends."""
    password_waits._admit(key_of(name), network, at)


def know_network(name: str, network: str, *, at: datetime) -> None:
    """Let the user of this name have come in from the network."""
    with db.write() as connection:
        password_waits.know_network(connection, key_of(name), network, now=at)


def refused(name: str, network: str, *, at: datetime = NOW) -> int:
    """Try, and return the seconds after which one may try again."""
    with pytest.raises(TooMany) as told, attempt_of(name, network, now=at):
        pass
    return told.value.retry_after


def count(**columns: object) -> int:
    """Return how many tries there are."""
    with db.read() as connection:
        return connection.execute(
            select(func.count()).select_from(PasswordAttempt).filter_by(**columns)
        ).scalar_one()


def test_five_failures_in_a_row_are_free_and_each_further_one_doubles_the_wait(
    name: str, network: str
) -> None:
    now, waits = NOW, []
    fail(name, network, at=now, times=5)

    for _ in range(12):
        waits.append(refused(name, network, at=now))
        now += timedelta(seconds=waits[-1])
        fail(name, network, at=now)

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_try_during_a_wait_counts_as_nothing(name: str, network: str) -> None:
    fail(name, network, times=7)

    waits = [refused(name, network, at=NOW + timedelta(seconds=each)) for each in (0, 1, 1.5, 3, 3.9)]

    assert waits == [4, 3, 3, 1, 1]
    fail(name, network, at=NOW + 4 * SECOND)


def test_a_right_password_clears_the_pair(name: str, network: str) -> None:
    fail(name, network, times=5)

    succeed(name, network, at=NOW + SECOND)
    fail(name, network, at=NOW + SECOND, times=5)

    assert refused(name, network, at=NOW + SECOND) == 1


def test_a_wait_holds_for_one_name_and_one_network(name: str, network: str) -> None:
    fail(name, network, times=10)

    succeed(name, new_network())
    succeed(new_name(), network)

    assert refused(name, network) == 32
    assert refused(f" {name.upper()} ", network) == 32


@pytest.mark.parametrize("impossible", ["a:b {}", "\x00{}", "x" * 60 + "{}", "\ud800{}"])
def test_a_name_that_cannot_be_is_like_any_other(impossible: str, network: str) -> None:
    name = impossible.format(secrets.token_hex(4))
    fail(name, network, times=6)

    assert refused(name, network) == 2
    fail(name + "x", network)


def test_failures_more_than_a_day_apart_are_not_in_a_row(name: str, network: str) -> None:
    fail(name, network, times=6)

    fail(name, network, at=NOW + DAY, times=5)

    assert refused(name, network, at=NOW + DAY) == 1


@pytest.mark.parametrize(("failures", "more"), [(0, 10), (1, 9), (4, 6), (5, 1)])
def test_no_more_than_ten_are_compared_at_once_failures_included(
    name: str, network: str, failures: int, more: int
) -> None:
    fail(name, network, times=failures)

    for _ in range(more):
        begin(name, network, at=NOW + SECOND)

    assert refused(name, network, at=NOW + SECOND) == 1


def test_a_try_whose_process_died_is_a_failure_after_half_a_minute(name: str, network: str) -> None:
    for _ in range(10):
        begin(name, network)

    assert refused(name, network, at=NOW + 29 * SECOND) == 1
    assert refused(name, network, at=NOW + 30 * SECOND) == 2
    fail(name, network, at=NOW + 32 * SECOND)


def test_a_right_password_leaves_what_else_is_under_way(name: str, network: str) -> None:
    begin(name, network)
    begin(name, network)

    succeed(name, network)

    assert count(name_key=key_of(name)) == 2


def test_a_try_that_was_not_compared_is_given_back(name: str, network: str) -> None:
    with attempt_of(name, network, now=NOW):
        assert count(name_key=key_of(name)) == 1
    with (
        suppress(ZeroDivisionError),
        attempt_of(name, network, now=NOW) as attempt,
        db.write() as connection,
    ):
        attempt.succeeded(connection, now=NOW)
        _ = 1 / 0

    assert count(name_key=key_of(name)) == 0


def test_nothing_is_given_back_to_a_database_that_failed(name: str, network: str) -> None:
    with suppress(PoolTimeout), attempt_of(name, network, now=NOW):
        raise PoolTimeout

    assert count(name_key=key_of(name)) == 1


def test_an_error_after_a_wrong_password_gives_nothing_back(name: str, network: str) -> None:
    with suppress(ZeroDivisionError), attempt_of(name, network, now=NOW) as attempt:
        with db.write() as connection:
            attempt.failed(connection, now=NOW)
        _ = 1 / 0

    assert count(name_key=key_of(name), failed=True) == 1


def test_a_network_has_300_failures_an_hour_over_all_names(network: str) -> None:
    add_failures((new_name(), network, NOW + minute * MINUTE) for minute in range(30) for _ in range(10))

    assert refused(new_name(), network, at=NOW + 40 * MINUTE) == 20 * 60
    fail(new_name(), new_network(), at=NOW + 40 * MINUTE)
    fail(new_name(), network, at=NOW + HOUR)


def test_a_name_has_100_failures_an_hour_over_all_networks(name: str) -> None:
    add_failures((name, new_network(), NOW + each * SECOND) for each in range(100))

    assert refused(name, new_network(), at=NOW + 30 * MINUTE) == 30 * 60
    assert refused(name.upper(), new_network(), at=NOW + 30 * MINUTE) == 30 * 60
    fail(new_name(), new_network(), at=NOW + 30 * MINUTE)
    fail(name, new_network(), at=NOW + HOUR)


def test_tries_under_way_count_for_the_hour(name: str) -> None:
    fail_from_everywhere(name, times=99)

    begin(name, new_network())

    assert refused(name, new_network()) == 60 * 60


def test_of_a_name_ten_are_compared_at_once_from_wherever(name: str) -> None:
    for _ in range(10):
        begin(name, new_network())

    assert refused(name, new_network()) == 1
    begin(new_name(), new_network())


def test_who_logged_in_from_a_network_is_let_in_there_whatever_others_do(name: str, network: str) -> None:
    succeed(name, network, at=NOW - 30 * DAY + SECOND)
    fail_from_everywhere(name)

    assert refused(name, new_network()) == 60 * 60
    fail(name, network)
    succeed(name, network)


def test_failures_from_known_networks_do_not_count_against_the_others(name: str, network: str) -> None:
    succeed(name, network, at=NOW - DAY)
    fail(name, network, times=5)
    fail_from_everywhere(name, times=98)

    fail(name, new_network(), times=2)

    assert refused(name, new_network()) == 60 * 60


@pytest.mark.parametrize("reason", ["it was long ago", "the user was deleted"])
def test_a_network_does_not_stay_known(name: str, network: str, reason: str) -> None:
    succeed(name, network, at=NOW - (30 * DAY if reason == "it was long ago" else DAY))
    if reason == "the user was deleted":
        with db.write() as connection:
            connection.execute(attempts.FORGET_NETWORKS, {"name_key": key_of(name)})

    fail_from_everywhere(name)

    assert refused(name, network) == 60 * 60


def test_a_registration_makes_its_network_known(name: str, network: str) -> None:
    for _ in range(2):
        know_network(name, network, at=NOW)

    fail_from_everywhere(name)

    fail(name, network)


def test_the_limit_that_lasts_longest_is_the_one_told() -> None:
    counts = Counts(failures=5, last_failure=NOW, name_attempts=100, name_oldest=NOW - HOUR + 5 * SECOND)

    told = password_waits.refusal(counts, now=NOW)

    assert told is not None
    assert (told.limit, told.retry_after, told.message) == ("name", 5, "too many attempts")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_network_is_an_ipv4_address_or_a_64_of_ipv6(address: str, network: str) -> None:
    assert network_of(address) == network

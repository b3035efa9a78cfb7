"""How often a password may be tried: the rules with a moved clock."""

import secrets
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from auth_service.models import db
from auth_service.throttle import password_waits
from auth_service.throttle.attempts import Counts
from auth_service.views.authentication import network_of
from tests.auth.guessers import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    Guesser,
    add_failures,
    fail_from_everywhere,
    new_network,
)
from tests.cases import every, on_sqlite
from tests.people import new_name

pytestmark = pytest.mark.usefixtures("in_auth")


def test_five_failures_in_a_row_are_free_and_each_further_one_doubles_the_wait(guesser: Guesser) -> None:
    now, waits = NOW, []
    guesser.fail(at=now, times=5)

    for _ in range(12):
        waits.append(guesser.wait(at=now))
        now += waits[-1] * SECOND
        guesser.fail(at=now)

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_try_during_a_wait_counts_as_nothing(guesser: Guesser) -> None:
    guesser.fail(times=7)

    waits = [guesser.wait(at=NOW + each * SECOND) for each in (0, 1, 1.5, 3, 3.9)]

    assert waits == [4, 3, 3, 1, 1]
    guesser.fail(at=NOW + 4 * SECOND)


def test_a_right_password_clears_the_pair_but_not_what_is_under_way(guesser: Guesser) -> None:
    guesser.fail(times=3)
    guesser.begin()

    guesser.succeed(at=NOW + SECOND)

    assert guesser.attempts() == 1
    guesser.fail(at=NOW + MINUTE, times=4)  # and the one that was never decided
    assert guesser.wait(at=NOW + MINUTE) == 1


def test_a_wait_holds_for_one_name_and_one_network(guesser: Guesser) -> None:
    guesser.fail(times=10)

    Guesser(name=guesser.name).succeed()
    Guesser(network=guesser.network).succeed()

    assert guesser.wait() == 32
    assert Guesser(f" {guesser.name.upper()} ", guesser.network).wait() == 32


@every("impossible", ["a:b {}", "\x00{}", "x" * 60 + "{}", "\ud800{}"])
def test_a_name_that_cannot_be_is_like_any_other(impossible: str) -> None:
    guesser = Guesser(impossible.format(secrets.token_hex(4)))
    guesser.fail(times=6)

    assert guesser.wait() == 2
    Guesser(guesser.name + "x", guesser.network).fail()


def test_failures_more_than_a_day_apart_are_not_in_a_row(guesser: Guesser) -> None:
    guesser.fail(times=6)

    guesser.fail(at=NOW + DAY, times=5)

    assert guesser.wait(at=NOW + DAY) == 1


@every("failures, more", [(0, 10), (1, 9), (4, 6), (5, 1)])
def test_no_more_than_ten_are_compared_at_once_failures_included(failures: int, more: int) -> None:
    guesser = Guesser()
    guesser.fail(times=failures)

    guesser.begin(at=NOW + SECOND, times=more)

    assert guesser.wait(at=NOW + SECOND) == 1


def test_a_try_whose_process_died_is_a_failure_after_half_a_minute(guesser: Guesser) -> None:
    guesser.begin(times=10)

    assert guesser.wait(at=NOW + 29 * SECOND) == 1
    assert guesser.wait(at=NOW + 30 * SECOND) == 2
    guesser.fail(at=NOW + 32 * SECOND)


def test_a_try_that_was_not_compared_is_given_back_and_no_other(guesser: Guesser) -> None:
    with guesser.attempt():
        assert guesser.attempts() == 1
    with suppress(ZeroDivisionError), guesser.attempt() as attempt, db.write() as connection:
        attempt.succeeded(connection, now=NOW)
        _ = 1 / 0
    assert guesser.attempts() == 0

    with suppress(PoolTimeout), guesser.attempt():
        raise PoolTimeout  # nothing can be given back to a database that failed
    assert guesser.attempts() == 1

    with suppress(ZeroDivisionError), guesser.attempt() as attempt:
        with db.write() as connection:
            attempt.failed(connection, now=NOW)
        _ = 1 / 0
    assert guesser.attempts(failed=True) == 1


def test_a_network_has_300_failures_an_hour_over_all_names() -> None:
    network = new_network()
    add_failures(*((new_name(), network, NOW + (each // 10) * MINUTE) for each in range(300)))

    assert Guesser(network=network).wait(at=NOW + 40 * MINUTE) == 10
    Guesser().fail(at=NOW + 40 * MINUTE)
    Guesser(network=network).fail(at=NOW + HOUR)


def test_a_name_has_100_failures_an_hour_over_all_networks() -> None:
    name = new_name()
    add_failures(*((name, new_network(), NOW + each * SECOND) for each in range(100)))

    assert Guesser(name).wait(at=NOW + 30 * MINUTE) == 30 * 60
    assert Guesser(name.upper()).wait(at=NOW + 30 * MINUTE) == 30 * 60
    Guesser().fail(at=NOW + 30 * MINUTE)
    Guesser(name).fail(at=NOW + HOUR)


def test_tries_under_way_count_for_the_hour_and_of_a_name_ten_are_compared_at_once() -> None:
    name, other = new_name(), new_name()
    fail_from_everywhere(name, times=99)
    Guesser(name).begin()
    for _ in range(10):
        Guesser(other).begin()

    assert Guesser(name).wait() == 60 * 60
    assert Guesser(other).wait() == 1
    Guesser().begin()


def test_who_logged_in_from_a_network_is_let_in_there_whatever_others_do(guesser: Guesser) -> None:
    long_ago = Guesser(guesser.name)
    long_ago.succeed(at=NOW - 30 * DAY)
    guesser.succeed(at=NOW - 30 * DAY + MINUTE)
    guesser.fail(times=5)
    fail_from_everywhere(guesser.name, times=98)  # those of a known network do not count against the others

    Guesser(guesser.name).fail(times=2)

    assert Guesser(guesser.name).wait() == long_ago.wait() == 60 * 60
    guesser.fail(at=NOW + SECOND)
    guesser.succeed(at=NOW + 3 * SECOND)


def test_the_limit_that_lasts_longest_is_the_one_told() -> None:
    counts = Counts(failures=5, last_failure=NOW, name_attempts=100, name_oldest=NOW - HOUR + 5 * SECOND)

    refusal = password_waits.refusal(counts, now=NOW)

    assert refusal is not None
    assert (refusal.limit, refusal.retry_after, refusal.message) == ("name", 5, "too many attempts")


@every("failures", [5, 100, 300])
@every("ahead", [10 * DAY, 2 * MINUTE])
def test_no_wait_lasts_until_a_clock_that_was_ahead_is_reached_again(failures: int, ahead: timedelta) -> None:
    guesser = Guesser()
    add_failures(*[(guesser.name, guesser.network, NOW + ahead)] * failures)

    guesser.look(NOW)


def test_no_wait_is_longer_than_its_rule_within_the_skew_of_two_clocks() -> None:
    soon = NOW + SECOND
    waits = [
        password_waits.refusal(Counts(failures=5, last_failure=soon), now=NOW),
        password_waits.refusal(Counts(name_attempts=100, name_oldest=soon), now=NOW),
        password_waits.network_refusal(Counts(network_attempts=300, network_oldest=soon), now=NOW),
    ]

    assert [wait.retry_after for wait in waits if wait] == [1, 3600, 10]


@on_sqlite
@every(
    "address, network",
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

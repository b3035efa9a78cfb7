"""What of the limits needs no database: whose network it is, and which limit is told."""

from datetime import UTC, datetime, timedelta

import pytest

from auth_service.throttle import admission
from auth_service.throttle.attempts import Counts
from auth_service.throttle.limits import HOUR, network_of

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_the_limit_that_lasts_longest_is_the_one_told() -> None:
    counts = Counts(failures=5, last_failure=NOW, name_attempts=100, name_oldest=NOW - HOUR + 5 * SECOND)

    told = admission.refusal(counts, now=NOW)

    assert told is not None
    assert (told.limit, told.retry_after, told.message) == ("name", 5, "too many attempts")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", ""),
    ],
)
def test_a_network_is_an_ipv4_address_or_a_64_of_ipv6(address: str, network: str) -> None:
    assert network_of(address) == network

"""LOG_LEVEL: what programs ask all day is logged at debug level, unless there is something to see."""

import pytest

from tests import api
from tests.common.log_lines import Log, traced
from tests.conftest import keys_of
from tests.feed.service_tokens import service_token
from tests.pair import Pair
from tests.people import register

pytestmark = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # no database decides it


def levels(log: Log, pair: Pair, path: str, *, status: int = 200) -> list[str]:
    """Ask as a program does; return the levels of the lines that are written of it."""
    headers = traced(service_token(keys_of(pair)[0]))
    answer = api.get(pair.url("auth") + path, headers=headers)
    assert answer.status_code == status, answer.text
    return [line["level"] for line in log.of(headers["X-Request-ID"])]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/events?after=0"])
def test_what_programs_ask_all_day_is_logged_at_debug_level_only(log: Log, own_pair: Pair, path: str) -> None:
    assert levels(log, own_pair.start(), path) == []
    assert levels(log, own_pair.variant(LOG_LEVEL="debug"), path) == ["debug"]


def test_a_failing_health_check_is_logged_as_ever(log: Log, own_pair: Pair) -> None:
    (own_pair.folder / "auth.db").write_bytes(b"")

    assert levels(log, own_pair.start("auth"), "/readyz", status=503) == ["info"]


@pytest.mark.parametrize(("path", "status"), [("/events?after=9", 200), ("/events?after=x", 422)])
def test_a_poll_that_goes_wrong_is_logged_as_ever(log: Log, own_pair: Pair, path: str, status: int) -> None:
    assert levels(log, own_pair.start(), path, status=status) == ["info"]


def test_a_poll_that_finds_events_is_logged_as_ever(log: Log, own_pair: Pair) -> None:
    register(own_pair.start()).delete("/sessions", "auth")

    assert levels(log, own_pair, "/events?after=0") == ["info"]

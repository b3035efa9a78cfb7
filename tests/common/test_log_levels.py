"""LOG_LEVEL: what programs ask all day is logged at debug level, unless there is something to see."""

import pytest

from tests import api
from tests.common.log_lines import Log, traced
from tests.conftest import keys_of
from tests.feed.service_tokens import service_token
from tests.pair import Pair
from tests.people import register

ROUTINE = ["/healthz", "/readyz", "/events?after=0"]


def levels(log: Log, pair: Pair, path: str, *, status: int = 200) -> list[str]:
    """Ask as a program does; return the levels of the lines that are written of it."""
    headers = traced(service_token(keys_of(pair)[0]))
    answer = api.get(pair.url("auth") + path, headers=headers)
    assert answer.status_code == status, answer.text
    return [line["level"] for line in log.of(headers["X-Request-ID"])]


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # no database decides it
def test_what_programs_ask_all_day_is_logged_as_ever_if_there_is_something_to_see(
    log: Log, own_pair: Pair
) -> None:
    own_pair.services = ("auth",)
    person = register(own_pair.start())
    debug = own_pair.variant(LOG_LEVEL="debug")
    assert [levels(log, own_pair, path) for path in ROUTINE] == [[], [], []]
    assert [levels(log, debug, path) for path in ROUTINE] == [["debug"], ["debug"], ["debug"]]

    assert levels(log, own_pair, "/events?after=9") == ["info"]
    assert levels(log, own_pair, "/events?after=x", status=422) == ["info"]
    person.delete("/sessions", "auth")
    assert levels(log, own_pair, "/events?after=0") == ["info"]
    failing = own_pair.variant(AUTH_DATABASE_URL=f"sqlite:///{own_pair.folder}/empty.db")
    assert levels(log, failing, "/readyz", status=503) == ["info"]

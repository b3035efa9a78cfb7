"""A clock that was ahead and was set back makes nothing live, or be kept, longer than its rule says."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select, update

from auth_service import audit, events
from auth_service.models import AuditEntry, Event, db
from tests.auth.database import WEEK, execute, let_pass, rows, times_of
from tests.auth.logins import DAY, Login, log_in, refresh
from tests.pair import Pair
from tests.people import Person, register

AHEAD = timedelta(days=10)


@pytest.mark.parametrize("is_refreshed", [True, False])
def test_a_clock_that_was_ahead_lengthens_no_session(
    person: Person, login: Login, is_refreshed: bool
) -> None:
    let_pass(login.pair, -AHEAD, login.session_id)

    if is_refreshed:
        assert refresh(login.pair, login.refresh_token).json()["refresh_expires_in"] <= 7 * DAY
    else:
        log_in(person).request("GET", "/me")

    now = datetime.now(UTC)
    created_at, last_used_at, expires_at = times_of(login)
    assert max(created_at, last_used_at) <= now
    assert expires_at <= now + WEEK


def test_a_clock_that_was_ahead_lengthens_no_retention(pair: Pair, login: Login) -> None:
    login.request("DELETE", f"/sessions/{login.session_id}")
    tables = (AuditEntry, Event)
    for table in tables:
        of_it = table.session_id == login.session_id
        execute(pair, update(table).where(of_it).values(at=datetime.now(UTC) + AHEAD))

    with pair.apps["auth"].app_context(), db.write() as connection:
        events.purge(connection)
        for _ in range(audit.PURGE_EVERY):
            audit.record(connection, "login.failed")

    for table in tables:
        latest = select(func.max(table.at)).where(table.session_id == login.session_id)
        assert rows(pair, latest) <= [(datetime.now(UTC),)]


def test_a_clock_that_was_not_set_ends_nothing(pair: Pair, login: Login) -> None:
    with time_machine.travel(datetime(1970, 1, 2, tzinfo=UTC)):
        register(pair)

    assert login.is_live

"""Many sessions: fifty stay, all end at once with their events and entries, very many can be deleted."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Connection, event, select

from auth_service.audit import OPERATOR, SESSION_ENDED
from auth_service.models import AuditEntry, Event, Session, db
from auth_service.users.changes import erase_user, update_user
from tests.at_once import at_once
from tests.auth.database import add_sessions, count, rows, told_of_user, user_of
from tests.auth.hashers import patient
from tests.auth.logins import Login, granted, login_of, try_password
from tests.auth.users import OTHER, change_password
from tests.people import Person

LIMIT = 50
HOUR = timedelta(hours=1)
MANY_ROWS = 600  # more than one statement deletes


def assert_ended(person: Person, sessions: list[str], *, but: int = 0) -> None:
    """Fail unless these sessions have ended, each with one event and one entry of the audit log."""
    pair, user_id = person.pair, user_of(login_of(person))
    assert count(pair, Session.user_id == user_id, Session.ended_at.is_(None)) == but
    published = rows(pair, select(Event.session_id).where(Event.session_id.in_(sessions)))
    assert Counter(published) == Counter((each,) for each in sessions)
    of_user = AuditEntry.public_id == person.public_id
    assert count(pair, of_user, AuditEntry.event == SESSION_ENDED) == len(sessions)


@pytest.fixture
def sessions(login: Login) -> list[str]:
    """Give somebody as many sessions as may live; return their ids."""
    return [login.session_id, *add_sessions(login, LIMIT - 1, idle=HOUR)]


def test_however_many_log_in_at_once_fifty_sessions_stay(app: Flask, person: Person, login: Login) -> None:
    pair = person.pair
    add_sessions(login, LIMIT - 4, idle=HOUR)

    with patient(app):
        answers = at_once(10, pair.url("auth"), lambda *_: try_password(pair, person.name))

    assert [answer.status_code for answer in answers] == [200] * 10
    assert count(pair, Session.user_id == user_of(login), Session.ended_at.is_(None)) == LIMIT
    assert len(granted(pair, answers[0]).request("GET", "/sessions").json()["sessions"]) == LIMIT


@pytest.mark.parametrize("left", [0, 1], ids=["DELETE /sessions", "PUT /me/password"])
def test_all_end_with_an_event_and_an_entry_each(person: Person, sessions: list[str], left: int) -> None:
    answer = change_password(person, OTHER) if left else person.delete("/sessions", "auth")

    assert answer.status_code in (200, 204)
    assert_ended(person, sessions, but=left)


def test_many_sessions_end_in_one_transaction(app: Flask, person: Person, sessions: list[str]) -> None:
    with app.app_context(), crash(before_transaction=2):
        update_user(person.public_id, {"disabled": True}, by=OPERATOR)

    assert_ended(person, sessions)


def test_very_many_sessions_that_ended_are_deleted_in_parts_before_their_user(
    app: Flask, person: Person, login: Login
) -> None:
    pair, of_user = person.pair, Session.user_id == user_of(login)
    add_sessions(login, MANY_ROWS, idle=HOUR, ended_at=datetime.now(UTC))

    with app.app_context(), crash(before_transaction=3), pytest.raises(Crash):
        erase_user(person.public_id, by=OPERATOR)

    assert (count(pair, of_user), told_of_user(person), login.is_live) == (1, [], True)

    with app.app_context():
        erase_user(person.public_id, by=OPERATOR)

    assert (count(pair, of_user), told_of_user(person)) == (0, [("user.deleted",)])


class Crash(Exception):
    """The process ends here."""


@contextmanager
def crash(*, before_transaction: int) -> Iterator[None]:
    """Let the process end when that transaction of the block begins, counted from 1."""
    begun = 0

    def watch(_: Connection, __: object, statement: str, *___: object) -> None:
        nonlocal begun
        begun += statement.startswith("BEGIN")
        if begun == before_transaction:
            raise Crash

    event.listen(db.engine, "before_cursor_execute", watch)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", watch)

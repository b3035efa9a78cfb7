"""Many sessions end at once, with their events and entries; users with very many rows can be deleted."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, event, func, select, update

from auth_service.audit import OPERATOR, SESSION_ENDED
from auth_service.models import AuditEntry, Event, KnownNetwork, Session, User, db
from auth_service.throttle.password_waits import key_of, know_network
from auth_service.users.changes import erase_user, update_user
from tests.auth.database import add_sessions, execute, kept, rows, user_of
from tests.auth.logins import Login
from tests.auth.shell import Operator
from tests.pair import Pair
from tests.people import PASSWORD, Person, register, register_admin

MANY = 49  # beside the first: as many as may live
HOUR = timedelta(hours=1)


def login_of(person: Person) -> Login:
    return Login(person.pair, person.token, person.refresh_token)


def unended(pair: Pair, user_id: int) -> int:
    live = select(func.count()).select_from(Session)
    ((count,),) = rows(pair, live.where(Session.user_id == user_id, Session.ended_at.is_(None)))
    return int(count)


def published(pair: Pair, sessions: list[str]) -> Counter[str]:
    """Return how often the end of each of these sessions was published."""
    ended = rows(pair, select(Event.session_id).where(Event.session_id.in_(sessions)))
    return Counter(each for (each,) in ended)


def audited(person: Person) -> int:
    """Return how many entries of the audit log tell of the end of a session of this user."""
    of_user = AuditEntry.public_id == person.public_id, AuditEntry.event == SESSION_ENDED
    ((count,),) = rows(person.pair, select(func.count()).select_from(AuditEntry).where(*of_user))
    return int(count)


def once(sessions: list[str]) -> Counter[str]:
    return Counter(dict.fromkeys(sessions, 1))


@pytest.mark.parametrize("route", ["DELETE /sessions", "PUT /me/password", "PATCH /users"])
def test_all_sessions_end_with_an_event_and_an_entry_each(pair: Pair, route: str) -> None:
    person = register(pair)
    login = login_of(person)
    sessions = [login.session_id, *add_sessions(login, MANY, idle=HOUR)]

    if route == "DELETE /sessions":
        answer = login.request("DELETE", "/sessions")
    elif route == "PUT /me/password":
        body = {"current_password": PASSWORD, "new_password": "a cheese of another colour"}
        answer = login.request("PUT", "/me/password", json=body)
    else:
        path = f"/users/{person.public_id}"
        answer = register_admin(pair).request("PATCH", "auth", path, json={"disabled": True})

    assert answer.status_code in (200, 204)
    assert unended(pair, user_of(login)) == (route == "PUT /me/password")
    assert published(pair, sessions) == once(sessions)
    assert audited(person) == len(sessions)


def test_many_sessions_end_in_one_transaction(operator: Operator, pair: Pair) -> None:
    person = register(pair)
    login = login_of(person)
    sessions = [login.session_id, *add_sessions(login, MANY, idle=HOUR)]

    with operator.app.app_context(), crash(before_transaction=2):
        update_user(person.public_id, {"disabled": True}, by=OPERATOR)

    assert unended(pair, user_of(login)) == 0
    assert published(pair, sessions) == once(sessions)
    assert audited(person) == len(sessions)


@pytest.mark.slow
def test_a_user_of_very_many_sessions_is_deleted(pair: Pair) -> None:
    person, other = register(pair), register(pair)
    login = login_of(person)
    user_id, sessions = user_of(login), add_sessions(login, 5000, idle=HOUR)
    of_user, now = Session.user_id == user_id, datetime.now(UTC)
    execute(pair, update(Session).where(Session.id.in_(sessions)).values(ended_at=now))

    answer = person.session.delete(pair.url("auth") + "/me", auth=(person.name, PASSWORD), timeout=60)

    assert answer.status_code == 204
    assert rows(pair, select(Session.id).where(of_user)) == []
    assert kept(pair, sessions[0]) == kept(pair, sessions[-1]) == (0, 0)
    assert rows(pair, select(Event.type).where(Event.public_id == person.public_id)) == [("user.deleted",)]
    assert login_of(other).is_live


def test_an_admin_of_very_many_tokens_deletes_itself(pair: Pair, admin: Person) -> None:
    leaving = register_admin(pair)
    login = login_of(leaving)
    add_sessions(login, 1, idle=HOUR, tokens=3000)
    path = f"{pair.url('auth')}/users/{leaving.public_id}"

    answer = leaving.session.delete(path, headers=leaving.with_token(), timeout=60)

    assert answer.status_code == 204, answer.text
    assert rows(pair, select(User.id).where(User.public_id == leaving.public_id)) == []
    assert login_of(admin).is_live


def test_the_networks_of_a_deleted_user_are_forgotten_however_many(operator: Operator, pair: Pair) -> None:
    person, now = register(pair), datetime.now(UTC)
    with operator.app.app_context():
        with db.write() as connection:
            for number in range(1100):
                know_network(connection, key_of(person.name), f"2001:db8:0:{number:x}::/64", now=now)

        erase_user(person.public_id, by=OPERATOR)

    known = select(KnownNetwork.network).where(KnownNetwork.name_key == key_of(person.name))
    assert rows(pair, known) == []


def test_a_crash_while_a_user_is_deleted_loses_nothing(operator: Operator, pair: Pair) -> None:
    person = register(pair)
    login = login_of(person)
    (session,) = add_sessions(login, 1, idle=HOUR, tokens=3000)
    sessions, user_id = [login.session_id, session], user_of(login)

    with operator.app.app_context(), crash(before_transaction=2), pytest.raises(Crash):
        erase_user(person.public_id, by=OPERATOR)

    assert published(pair, sessions) == once(sessions)
    assert unended(pair, user_id) == 0
    assert rows(pair, select(User.id).where(User.id == user_id)) == [(user_id,)]

    with operator.app.app_context():
        erase_user(person.public_id, by=OPERATOR)

    assert rows(pair, select(Session.id).where(Session.user_id == user_id)) == []
    assert published(pair, sessions) == once(sessions)
    assert rows(pair, select(Event.type).where(Event.public_id == person.public_id)) == [("user.deleted",)]


class Crash(Exception):
    """The process ends here."""


@contextmanager
def crash(*, before_transaction: int) -> Iterator[None]:
    """Let the process end when that transaction of the block begins, counted from 1."""
    begun = 0

    def count(_: Connection, __: object, statement: str, *___: object) -> None:
        nonlocal begun
        begun += statement.startswith("BEGIN")
        if begun == before_transaction:
            raise Crash

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", count)

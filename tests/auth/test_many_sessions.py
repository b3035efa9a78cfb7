"""Users with more sessions than one statement could take are changed and deleted like all others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import Connection, event, func, select

from auth_service.audit import OPERATOR, SESSION_ENDED
from auth_service.models import AuditEntry, Event, KnownNetwork, RefreshToken, Session, User, db
from auth_service.throttle.attempts import key_of, know_network
from auth_service.users.changes import change_user, delete_user
from tests.auth.database import add_sessions, kept, rows, user_of
from tests.auth.logins import Login, log_in
from tests.auth.shell import Operator
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, register, register_admin

MANY = 33_000  # SQLite binds 32,766 values in a statement, half of what PostgreSQL does
SOME = 1_200  # more than two transactions end
HOUR = timedelta(hours=1)
on_sqlite = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)


@pytest.fixture
def alone(own_pair: Pair) -> Pair:
    """Return a running auth whose feed no other test has to follow."""
    return own_pair.start("auth")


def login_of(person: Person) -> Login:
    return Login(person.pair, person.token, person.refresh_token)


def tokens_of(login: Login) -> int:
    """Return how many refresh tokens there are of the user."""
    of_user = select(func.count()).select_from(RefreshToken).join(Session)
    ((count,),) = rows(login.pair, of_user.where(Session.user_id == user_of(login)))
    return int(count)


def unended(pair: Pair, user_id: int) -> int:
    live = select(func.count()).select_from(Session)
    ((count,),) = rows(pair, live.where(Session.user_id == user_id, Session.ended_at.is_(None)))
    return int(count)


def told(pair: Pair, sessions: list[str]) -> Counter[str]:
    """Return how often the end of each of these sessions was told."""
    wanted, ended = set(sessions), rows(pair, select(Event.session_id).where(Event.session_id.is_not(None)))
    return Counter(each for (each,) in ended if each in wanted)


def ask_patiently(admin: Person, method: str, person: Person, **options: Any) -> requests.Response:
    """Ask for what takes a few seconds, and on a busy machine many."""
    url, headers = f"{person.pair.url('auth')}/users/{person.public_id}", {"x-access-tokens": admin.token}
    return requests.request(method, url, headers=headers, timeout=300, **options)


def once(sessions: list[str]) -> Counter[str]:
    return Counter(dict.fromkeys(sessions, 1))


@on_sqlite
@pytest.mark.slow
def test_a_user_of_very_many_sessions_is_deleted(alone: Pair) -> None:
    pair, admin = alone, register_admin(alone)
    person, other = register(pair), register(pair)
    login = login_of(person)
    sessions = add_sessions(login, MANY, idle=HOUR)
    user_id = user_of(login)

    answer = ask_patiently(admin, "DELETE", person)

    assert answer.status_code == 204
    assert rows(pair, select(Session.id).where(Session.user_id == user_id)) == []
    assert kept(pair, sessions[0]) == kept(pair, sessions[-1]) == (0, 0)
    assert rows(pair, select(Event.type).where(Event.public_id == person.public_id)) == [("user.deleted",)]
    assert login_of(other).is_live


@on_sqlite
@pytest.mark.slow
def test_a_user_of_very_many_sessions_is_disabled_and_each_end_is_told(alone: Pair) -> None:
    pair, admin = alone, register_admin(alone)
    person = register(pair)
    login = login_of(person)
    sessions = [login.session_id, *add_sessions(login, MANY, idle=HOUR)]

    answer = ask_patiently(admin, "PATCH", person, json={"disabled": True})

    assert answer.json()["disabled"] is True
    assert unended(pair, user_of(login)) == 0
    assert told(pair, sessions) == once(sessions)
    noted = select(func.count()).where(
        AuditEntry.public_id == person.public_id, AuditEntry.event == SESSION_ENDED
    )
    assert rows(pair, noted) == [(MANY + 1,)]


def test_all_sessions_end_where_all_have_to(pair: Pair) -> None:
    login = login_of(register(pair))
    sessions = [login.session_id, *add_sessions(login, SOME, idle=HOUR)]

    assert login.request("DELETE", "/sessions").status_code == 204

    assert unended(pair, user_of(login)) == 0
    assert told(pair, sessions) == once(sessions)


def test_another_password_ends_all(pair: Pair) -> None:
    login = login_of(register(pair))
    sessions = [login.session_id, *add_sessions(login, SOME, idle=HOUR)]
    body = {"current_password": PASSWORD, "new_password": "a cheese of another colour"}

    answer = login.request("PUT", "/me/password", json=body)

    assert answer.status_code == 200
    assert unended(pair, user_of(login)) == 1
    assert told(pair, sessions) == once(sessions)


def test_a_login_ends_some_of_too_many(pair: Pair) -> None:
    person = register(pair)
    login = login_of(person)
    add_sessions(login, SOME, idle=HOUR)

    assert log_in(person).is_live
    assert unended(pair, user_of(login)) == SOME + 2 - 500


def test_one_session_with_many_refresh_tokens_is_deleted(pair: Pair) -> None:
    person = register(pair)
    login = login_of(person)
    (session,) = add_sessions(login, 1, idle=HOUR, tokens=7000)
    assert tokens_of(login) == 7001

    answer = person.session.delete(pair.url("auth") + "/me", auth=(person.name, PASSWORD), timeout=30)

    assert answer.status_code == 204
    assert kept(pair, session) == kept(pair, login.session_id) == (0, 0)
    assert told(pair, [session]) == once([session])  # it ended before its tokens went


def test_the_networks_of_a_deleted_user_are_forgotten_however_many(operator: Operator, pair: Pair) -> None:
    person, now = register(pair), datetime.now(UTC)
    with operator.app.app_context():
        with db.write() as connection:
            for number in range(1100):
                know_network(connection, key_of(person.name), f"2001:db8:0:{number:x}::/64", now=now)

        delete_user(person.public_id, by=OPERATOR, now=now)

    assert networks_of(person) == []


def networks_of(person: Person) -> list[tuple[str]]:
    known = select(KnownNetwork.network).where(KnownNetwork.name_key == key_of(person.name))
    return rows(person.pair, known)


def test_a_refusal_ends_no_session_of_many(only_admin: Person) -> None:
    login = login_of(only_admin)
    add_sessions(login, SOME, idle=HOUR)

    for method, body in (("PATCH", {"disabled": True}), ("PATCH", {"admin": False}), ("DELETE", None)):
        answer = only_admin.request(method, "auth", f"/users/{only_admin.public_id}", json=body)
        assert_problem(answer, 409, "the last admin stays")

    assert unended(only_admin.pair, user_of(login)) == SOME + 1


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_crash_between_two_parts_loses_nothing(operator: Operator, pair: Pair, is_deleted: bool) -> None:
    person = register(pair)
    login = login_of(person)
    sessions, user_id = [login.session_id, *add_sessions(login, SOME, idle=HOUR)], user_of(login)
    of_user, now = User.public_id == person.public_id, datetime.now(UTC)

    def change() -> None:
        if is_deleted:
            delete_user(person.public_id, by=OPERATOR, now=now)
        else:
            change_user(person.public_id, {"disabled": True}, by=OPERATOR, now=now)

    with operator.app.app_context(), crash(before_transaction=3), pytest.raises(Crash):
        change()

    ended = told(pair, sessions)
    assert ended == once(list(ended))
    assert len(ended) == 1000
    assert unended(pair, user_id) == len(sessions) - 1000
    assert rows(pair, select(User.disabled).where(of_user)) == [(False,)]

    with operator.app.app_context():
        change()

    assert unended(pair, user_id) == 0
    assert rows(pair, select(User.disabled).where(of_user)) == ([] if is_deleted else [(True,)])
    deleted = rows(pair, select(Event.id).where(Event.public_id == person.public_id))
    assert len(deleted) == is_deleted
    assert is_deleted or told(pair, sessions) == once(sessions)


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

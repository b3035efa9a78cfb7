"""The audit log: what is in it, what is not, and how an operator reads it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from auth_service import audit
from auth_service.models import AuditEntry, db
from common.tokens.keys import read_keys
from tests.auth.database import execute, rows
from tests.auth.logins import log_in, log_out, refresh, try_password
from tests.auth.users import (
    OTHER,
    Operator,
    change_password,
    change_user,
    delete_me,
    delete_user,
    operator_in,
)
from tests.cases import every, on_sqlite, own_on_sqlite
from tests.common.log_lines import Log, traced
from tests.pair import Pair
from tests.people import PASSWORD, Person, new_name, register_admin

WRONG = "not the password"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
DAY = timedelta(days=1)


def lines_of(operator: Operator, name: str, *options: str) -> list[str]:
    return operator.succeed("audit", "--user", name, *options).splitlines()


def events(operator: Operator, name: str, *options: str) -> list[str]:
    """Return what happened to the user of this name, in order."""
    return [line.split(" ")[1] for line in lines_of(operator, name, *options)]


def add_entries(pair: Pair, name: str, **ages: timedelta) -> None:
    """Let these events of a user have happened so long ago."""
    of_name, now = {"name": name, "folded_name": name}, datetime.now(UTC)
    execute(pair, insert(AuditEntry), *({"event": each, "at": now - ages[each]} | of_name for each in ages))


def test_a_line_tells_when_what_who_from_where_and_why_it_failed(person: Person, operator: Operator) -> None:
    login = log_in(person)
    try_password(person.pair, person.name, WRONG)
    operator.succeed("users", "disable", person.name)
    try_password(person.pair, person.name)

    first, second, failed, *_, refused = lines_of(operator, person.name.upper())

    who = f'user="{person.name}" public_id={person.public_id} ip=127.0.0.1'
    assert re.fullmatch(rf"{TIME} registered {who} session=\S+", first)
    assert re.fullmatch(rf"{TIME} login {who} session={login.session_id}", second)
    assert re.fullmatch(rf'{TIME} login\.failed {who} detail="wrong_password"', failed)
    assert re.fullmatch(rf'{TIME} login\.failed {who} detail="disabled"', refused)


def test_what_a_stranger_types_is_not_in_it(pair: Pair, operator: Operator) -> None:
    name, password = new_name(), "typed into the wrong field"
    try_password(pair, name, password)
    try_password(pair, password, name)

    shown = operator.succeed("audit", "--since", "5m")

    assert re.search(rf'^{TIME} login\.failed ip=127\.0\.0\.1 detail="unknown_name"$', shown, re.M)
    assert name not in shown
    assert password not in shown


def test_every_end_of_a_session_is_in_it_with_its_reason(person: Person, operator: Operator) -> None:
    by_logout, by_theft, by_user = log_in(person), log_in(person), log_in(person)
    log_out(person.pair, by_logout.refresh_token)
    stolen = by_theft.refresh_token
    by_theft.successor(by_theft.successor())
    refresh(person.pair, stolen)
    by_user.request("DELETE", f"/sessions/{by_user.session_id}")

    lines = [line for line in lines_of(operator, person.name) if " session.ended " in line]

    assert [line[line.index(" ip=") :] for line in lines] == [
        f' ip=127.0.0.1 session={by_logout.session_id} detail="logout"',
        f' ip=127.0.0.1 session={by_theft.session_id} detail="refresh token used again"',
        f' ip=127.0.0.1 session={by_user.session_id} detail="ended by the user"',
    ]


def test_what_an_admin_does_to_a_user_is_in_it(pair: Pair, operator: Operator) -> None:
    admin, body = register_admin(pair), {"name": new_name(), "password": PASSWORD}
    public_id = admin.post("/users", body, "auth").json()["public_id"]
    person = Person(pair, body["name"], public_id, "")
    log_in(person)
    for change in ({"admin": True}, {"admin": False}, {"disabled": True}):
        change_user(admin, person, **change)
    change_user(admin, person, disabled=False, password=OTHER)
    delete_user(admin, person)

    shown = operator.succeed("audit", "--user", person.name)

    changes = ["user.promoted", "user.demoted", "user.disabled", "session.ended", "user.enabled"]
    made = ["user.made", "login"]
    assert events(operator, person.name) == [*made, *changes, "password.changed", "user.deleted"]
    assert shown.count(f'ip=127.0.0.1 detail="by {admin.public_id}"') == 7
    assert shown.count(f'user="{person.name}" public_id={person.public_id} ') == 9


@pytest.mark.usefixtures("admin")  # another one, for the last admin stays
def test_what_an_operator_does_to_a_user_and_it_does_itself_is_in_it(pair: Pair, operator: Operator) -> None:
    name = new_name()
    operator.succeed("users", "create", name, "--password-stdin", typed=f"{OTHER}\n")
    for command in ("promote", "demote", "disable", "enable"):
        operator.succeed("users", command, name)
    operator.succeed("users", "set-password", name, "--password-stdin", typed=f"{PASSWORD}\n")
    changes = ["user.promoted", "user.demoted", "user.disabled", "user.enabled", "password.changed"]
    assert events(operator, name) == ["user.made", *changes]
    assert operator.succeed("audit", "--user", name).count('detail="by an operator"') == 6

    person = Person(pair, name, "", try_password(pair, name).json()["token"])
    for current in (WRONG, PASSWORD):
        change_password(person, OTHER, current)
    delete_me(person, auth=(name, OTHER))

    changes = ["password.refused", "password.changed", "session.ended", "user.deleted"]
    assert events(operator, name)[6:] == ["login", *changes]


@on_sqlite
def test_the_log_notes_what_happens_to_an_account(admin: Person, person: Person, log: Log) -> None:
    theft, change = log_in(person), {"current_password": PASSWORD, "new_password": OTHER}
    stolen, of_session = theft.refresh_token, {"session_id": theft.session_id, "level": "warning"}
    theft.successor(theft.successor())
    path, of_user, new = f"/users/{person.public_id}", {"user": person.public_id}, {"password": OTHER}
    for who, method, address, body, noted in (
        (person, "POST", "/refresh", {"refresh_token": stolen}, {"event": "refresh_reused"} | of_session),
        (person, "PUT", "/me/password", change | {"current_password": WRONG}, {"event": "password_refused"}),
        (person, "PUT", "/me/password", change, {"event": "password_changed"}),
        (admin, "PATCH", path, {"admin": False} | new, {"event": "user_changed"} | of_user),
        (admin, "DELETE", path, None, {"event": "user_deleted"} | of_user),
    ):
        headers = traced(who.token)
        who.request(method, "auth", address, json=body, headers=headers)
        line = log.of(headers["X-Request-ID"])[0]
        assert line.items() >= ({"public_id": who.public_id} | noted).items()
    for secret in (OTHER, PASSWORD, stolen.partition(".")[2]):
        assert secret not in log.text


@own_on_sqlite  # a rotation takes two seconds
def test_a_change_of_the_keys_is_in_it(own_pair: Pair) -> None:
    path = own_pair.folder / "keys.json"
    path.unlink()
    with operator_in(own_pair.environment) as operator:
        operator.succeed("keys", "init")
        old = read_keys(path).signing.id
        new = operator.succeed("keys", "rotate")
        assert read_keys(path).signing.id == new != old
        operator.succeed("keys", "retire", old, "--force")

        lines = [line.split(" ", 1)[1] for line in operator.succeed("audit").splitlines()]

    assert lines == [f'key.made detail="{old}"', f'key.rotated detail="{new}"', f'key.retired detail="{old}"']


def test_the_keys_change_without_a_database_too(tmp_path: Path) -> None:
    with operator_in({"DATA_DIR": str(tmp_path)}) as operator:
        first = operator.run("keys", "init")  # as in every first start
        second = operator.run("keys", "add")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert (first.stdout, first.stderr) == (f"made {tmp_path}/keys.json\n", "")
    assert second.stderr == "this is not in the audit log: the database cannot be written to\n"
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_it_is_read_from_a_time_on(person: Person, operator: Operator) -> None:
    add_entries(person.pair, person.name, old=8 * DAY, recent=2 * DAY)
    every_entry = ["old", "recent", "registered"]

    for since, expected in [
        ("169h", every_entry[1:]),
        ("30m", every_entry[2:]),
        ("9d", every_entry),
        ("2026-01-01", every_entry),
        ("2999-01-01T00:00:00+02:00", []),
    ]:
        assert events(operator, person.name, "--since", since) == expected


@on_sqlite
@every("since", ["yesterday", "7", "-1d", "7w", "2026-13-01", ""])
def test_a_time_of_another_form_and_a_name_that_cannot_be_are_told(operator: Operator, since: str) -> None:
    done = operator.run("audit", "--since", since)

    assert done.exit_code == 2
    assert "write it as 2026-01-31" in done.stderr
    assert operator.succeed("audit", "--user", "nobody at all") == ""
    assert operator.succeed("audit", "--user", "a:b") == ""


def test_many_are_read_in_pages(operator: Operator, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 3)
    many = {f"number.{each}": timedelta(seconds=-(each // 4)) for each in range(10)}
    add_entries(person.pair, person.name, **many)

    assert events(operator, person.name) == ["registered", *many]


def test_entries_are_kept_for_90_days_whatever_the_clock(pair: Pair, operator: Operator) -> None:
    name = new_name()
    add_entries(pair, name, old=91 * DAY, kept=89 * DAY, ahead=-10 * DAY)

    with operator.app.app_context(), db.write() as connection:
        for _ in range(audit.PURGE_EVERY):
            audit.record(connection, "key.made", detail="a test")

    assert events(operator, name) == ["kept", "ahead"]
    assert rows(pair, select(func.max(AuditEntry.at)).filter_by(name=name)) <= [(datetime.now(UTC),)]

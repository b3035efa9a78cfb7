"""The audit log: what is in it, what is not, and how an operator reads it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from auth_service import audit
from auth_service.models import AuditEntry, db
from tests import api
from tests.auth.database import execute, rows
from tests.auth.logins import log_in, log_out
from tests.auth.shell import Operator
from tests.pair import Pair
from tests.people import PASSWORD, Person, new_name, register_admin

WRONG = "not the password"
OTHER = "a cheese of another colour"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def fail(pair: Pair, name: str, password: str = WRONG) -> None:
    answer = api.post(pair.url("auth") + "/login", auth=(name, password), timeout=30)
    assert answer.status_code == 401


def events(operator: Operator, name: str, *options: str) -> list[str]:
    """Return what happened to the user of this name, in order."""
    lines = operator.succeed("audit", "--user", name, *options).splitlines()
    return [line.split(" ")[1] for line in lines]


def test_a_line_tells_when_what_who_and_from_where(person: Person, operator: Operator) -> None:
    login = log_in(person)

    first, second = operator.succeed("audit", "--user", person.name.upper()).splitlines()

    assert re.fullmatch(
        rf'{TIME} registered user="{person.name}" public_id={person.public_id} ip=127.0.0.1 session=\S+',
        first,
    )
    assert re.fullmatch(
        rf'{TIME} login user="{person.name}" public_id={person.public_id} ip=127.0.0.1'
        rf" session={login.session_id}",
        second,
    )


def test_a_failure_says_why(person: Person, operator: Operator) -> None:
    fail(person.pair, person.name)
    operator.succeed("users", "disable", person.name)
    fail(person.pair, person.name, PASSWORD)

    shown = operator.succeed("audit", "--user", person.name)

    assert re.search(r' login\.failed .* ip=127\.0\.0\.1 detail="wrong_password"$', shown, re.M)
    assert re.search(r' login\.failed .* detail="disabled"$', shown, re.M)


def test_what_a_stranger_types_is_not_in_it(pair: Pair, operator: Operator) -> None:
    name, password = new_name(), "typed into the wrong field"
    fail(pair, name, password)
    fail(pair, password, name)

    shown = operator.succeed("audit", "--since", "5m")

    assert re.search(rf'^{TIME} login\.failed ip=127\.0\.0\.1 detail="unknown_name"$', shown, re.M)
    assert name not in shown
    assert password not in shown


def test_every_end_of_a_session_is_in_it_with_its_reason(person: Person, operator: Operator) -> None:
    by_logout, by_theft, by_user = log_in(person), log_in(person), log_in(person)
    log_out(person.pair, by_logout.refresh_token)
    stolen = by_theft.refresh_token
    by_theft.successor(by_theft.successor())
    api.post(person.pair.url("auth") + "/refresh", json={"refresh_token": stolen}, timeout=30)
    by_user.request("DELETE", f"/sessions/{by_user.session_id}")

    lines = [
        line
        for line in operator.succeed("audit", "--user", person.name).splitlines()
        if " session.ended " in line
    ]

    ended = {
        by_logout.session_id: "logout",
        by_theft.session_id: "refresh token used again",
        by_user.session_id: "ended by the user",
    }
    for line, (session, reason) in zip(lines, ended.items(), strict=True):
        assert line.endswith(f' ip=127.0.0.1 session={session} detail="{reason}"')


def test_what_an_admin_does_to_a_user_is_in_it(person: Person, operator: Operator) -> None:
    admin = register_admin(person.pair)
    for change in (
        {"admin": True},
        {"admin": False},
        {"disabled": True},
        {"disabled": False, "password": OTHER},
    ):
        answer = admin.request("PATCH", "auth", f"/users/{person.public_id}", json=change)
        assert answer.status_code == 200, answer.text
    assert admin.request("DELETE", "auth", f"/users/{person.public_id}").status_code == 204

    shown = operator.succeed("audit", "--user", person.name)

    happened = ["registered", "user.promoted", "user.demoted", "user.disabled", "session.ended"]
    later = ["user.enabled", "password.changed", "user.deleted"]
    assert events(operator, person.name) == happened + later
    assert shown.count(f'ip=127.0.0.1 detail="by {admin.public_id}"') == 6
    assert shown.count(f'user="{person.name}" public_id={person.public_id} ') == 8


def test_what_an_operator_does_to_a_user_is_in_it(operator: Operator) -> None:
    name = new_name()
    operator.succeed("users", "create", name, "--password-stdin", typed=f"{PASSWORD}\n")
    for command in ("promote", "demote", "disable", "enable"):
        operator.succeed("users", command, name)
    operator.succeed("users", "set-password", name, "--password-stdin", typed=f"{OTHER}\n")

    changes = ["user.promoted", "user.demoted", "user.disabled", "user.enabled", "password.changed"]
    assert events(operator, name) == ["user.made", *changes]
    assert operator.succeed("audit", "--user", name).count('detail="by an operator"') == 6


def test_what_a_user_does_to_itself_is_in_it(person: Person, operator: Operator) -> None:
    for current in (WRONG, PASSWORD):
        body = {"current_password": current, "new_password": OTHER}
        person.request("PUT", "auth", "/me/password", json=body)
    api.delete(person.pair.url("auth") + "/me", auth=(person.name, OTHER), timeout=30)

    assert events(operator, person.name) == [
        "registered",
        "password.refused",
        "password.changed",
        "session.ended",
        "user.deleted",
    ]


def test_what_was_refused_did_not_happen(person: Person, operator: Operator, only_admin: Person) -> None:
    answer = only_admin.request("PATCH", "auth", f"/users/{only_admin.public_id}", json={"admin": False})
    person.request("DELETE", "auth", f"/sessions/{only_admin.public_id}")

    assert answer.status_code == 409
    assert events(operator, only_admin.name)[-1] == "user.promoted"
    assert events(operator, person.name) == ["registered"]


def test_a_change_of_the_keys_is_in_it(own_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    with Operator(own_pair.environment, monkeypatch) as operator:
        (own_pair.folder / "keys.json").unlink()
        operator.succeed("keys", "init")
        old = operator.succeed("keys", "list").split()[0]
        new = operator.succeed("keys", "rotate")
        operator.succeed("keys", "retire", old, "--force")

        lines = [line.split(" ", 1)[1] for line in operator.succeed("audit").splitlines()]

    assert lines == [f'key.made detail="{old}"', f'key.rotated detail="{new}"', f'key.retired detail="{old}"']


def test_the_keys_change_without_a_database_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Operator({"DATA_DIR": str(tmp_path)}, monkeypatch) as operator:
        done = operator.run("keys", "init")

    assert done.exit_code == 0
    assert done.stdout == f"made {tmp_path}/keys.json\n"
    assert done.stderr == "this is not in the audit log: the database cannot be written to\n"
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


@pytest.fixture
def two_entries(person: Person) -> str:
    """Let somebody have entries of two and of eight days ago; return the name."""
    for days in (8, 2):
        row = {"at": datetime.now(UTC) - timedelta(days=days), "event": f"days.{days}"}
        execute(person.pair, insert(AuditEntry), row | {"name": person.name, "folded_name": person.name})
    return person.name


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("169h", ["days.2", "registered"]),
        ("30m", ["registered"]),
        ("9d", ["days.8", "days.2", "registered"]),
        ("2026-01-01", ["days.8", "days.2", "registered"]),
        ("2999-01-01T00:00:00+02:00", []),
    ],
)
def test_it_is_read_from_a_time_on(
    operator: Operator, two_entries: str, since: str, found: list[str]
) -> None:
    assert events(operator, two_entries, "--since", since) == found


@pytest.mark.parametrize("since", ["yesterday", "7", "-1d", "7w", "2026-13-01", ""])
def test_a_time_of_another_form_is_told_how_to_write_it(operator: Operator, since: str) -> None:
    done = operator.run("audit", "--since", since)

    assert done.exit_code == 2
    assert "write it as 2026-01-31" in done.stderr


def test_who_is_not_in_it_has_no_lines(operator: Operator) -> None:
    assert operator.succeed("audit", "--user", "nobody at all") == ""
    assert "colon" in operator.fail("audit", "--user", "a:b")


def test_many_entries_are_read_in_pages_and_each_once(
    operator: Operator, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE", 3)
    now = datetime.now(UTC)
    same = {"name": person.name, "folded_name": person.name}
    many = [
        {"at": now + timedelta(seconds=each // 4), "event": f"number.{each}"} | same for each in range(10)
    ]
    execute(person.pair, insert(AuditEntry), *many)

    assert events(operator, person.name)[1:] == [f"number.{each}" for each in range(10)]


def test_entries_are_kept_for_90_days(pair: Pair, operator: Operator) -> None:
    name, now = new_name(), datetime.now(UTC)
    old = {"at": now - timedelta(days=91), "event": "old", "folded_name": name}
    kept = {"at": now - timedelta(days=89), "event": "kept", "folded_name": name}
    execute(pair, insert(AuditEntry), old, kept)

    with operator.app.app_context(), db.write() as connection:
        for _ in range(audit.PURGE_EVERY):
            audit.record(connection, "key.made", detail="a test")

    of_name = select(func.min(AuditEntry.event), func.count()).where(AuditEntry.folded_name == name)
    assert rows(pair, of_name) == [("kept", 1)]

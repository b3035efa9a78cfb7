"""`flask --app auth_service users …`: what an operator can do to users, and how mistakes are told."""

import re
import secrets
from pathlib import Path

import pytest
import requests

from tests import api
from tests.auth.shell import Operator
from tests.cases import every
from tests.pair import Pair, run_flask
from tests.people import PASSWORD, Person, assert_problem, new_name, register

OTHER = "a cheese of another colour"
PUBLIC_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CHANGES = ["promote", "demote", "disable", "enable", "set-password"]


def log_in(pair: Pair, name: str, password: str = PASSWORD) -> requests.Response:
    return api.post(pair.url("auth") + "/login", auth=(name, password), timeout=30)


def listed(operator: Operator, name: str) -> str:
    """Return the line of the user of this name in `users list`."""
    lines = operator.succeed("users", "list").splitlines()
    (line,) = [line for line in lines if line.endswith(f"  {name}")]
    return line


def test_the_first_admin_is_made_at_the_command_line(pair: Pair, operator: Operator) -> None:
    name = new_name()

    public_id = operator.succeed(
        "users", "create", "--admin", name, "--password-stdin", typed=f"{PASSWORD}\n"
    )

    assert PUBLIC_ID.fullmatch(public_id)
    headers = {"x-access-tokens": log_in(pair, name).json()["token"]}
    user = api.get(f"{pair.url('auth')}/users/{public_id}", headers=headers, timeout=30).json()
    assert (user["name"], user["admin"]) == (name, True)


def test_a_password_is_asked_for_twice_and_not_shown(pair: Pair, operator: Operator) -> None:
    name = new_name()

    shown = operator.succeed("users", "create", name, typed=f"{PASSWORD}\n{PASSWORD}\n")

    assert PASSWORD not in shown
    assert [line.split(":")[0] for line in shown.splitlines()[:2]] == ["Password", "Repeat for confirmation"]
    assert log_in(pair, name).status_code == 200
    assert listed(operator, name).split()[1] == "-"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_end_of_the_line_is_not_part_of_a_password(pair: Pair, operator: Operator, ending: str) -> None:
    name = new_name()

    operator.succeed("users", "create", name, "--password-stdin", typed=PASSWORD + ending)

    assert log_in(pair, name).status_code == 200


@pytest.mark.parametrize(
    ("name", "password", "reason"),
    [
        ("a:b", PASSWORD, "colon"),
        ("{}", "short", "8 characters"),
        ("{}", "password123", "too common"),
        ("{}", "{}", "the name"),
    ],
)
def test_the_rules_hold_for_an_operator_too(
    operator: Operator, name: str, password: str, reason: str
) -> None:
    name, password = (text.format("somebody new") for text in (name, password))

    line = operator.fail("users", "create", name, "--password-stdin", typed=f"{password}\n")

    assert reason in line
    assert name not in operator.succeed("users", "list").split("  ") or not name.strip()


def test_a_name_that_is_taken_stays_whose_it_is(pair: Pair, operator: Operator, person: Person) -> None:
    line = operator.fail("users", "create", person.name.upper(), "--password-stdin", typed=f"{OTHER}\n")

    assert line == "name is already taken"
    assert log_in(pair, person.name).status_code == 200


def test_the_list_shows_everybody_and_no_hash(operator: Operator, person: Person, admin: Person) -> None:
    shown = operator.succeed("users", "list")

    assert listed(operator, person.name).split()[:2] == [person.public_id, "-"]
    assert listed(operator, admin.name).split()[:2] == [admin.public_id, "admin"]
    assert "argon2" not in shown


@pytest.mark.usefixtures("admin")  # another one, for the last admin stays
def test_an_admin_is_made_and_unmade(operator: Operator, pair: Pair) -> None:
    person = register(pair)

    roles = []
    for command in ("promote", "promote", "demote", "demote"):
        operator.succeed("users", command, person.name.upper())
        roles.append(listed(operator, person.name).split()[1])

    assert roles == ["admin", "admin", "-", "-"]


def test_a_disabled_user_cannot_log_in_until_enabled(operator: Operator, pair: Pair) -> None:
    person = register(pair)

    operator.succeed("users", "disable", person.name)
    assert listed(operator, person.name).split()[1] == "disabled"
    assert_problem(log_in(pair, person.name), 401, "could not verify")
    operator.succeed("users", "enable", person.name)

    assert log_in(pair, person.name).status_code == 200


def test_another_password_ends_every_session(operator: Operator, pair: Pair) -> None:
    person = register(pair)

    operator.succeed("users", "set-password", person.name, "--password-stdin", typed=f"{OTHER}\n")

    assert_problem(person.get("/me", "auth"), 401, "token is invalid")
    assert_problem(log_in(pair, person.name), 401, "could not verify")
    assert log_in(pair, person.name, OTHER).status_code == 200


def test_a_password_that_breaks_a_rule_changes_nothing(operator: Operator, pair: Pair) -> None:
    person = register(pair)

    line = operator.fail("users", "set-password", person.name, "--password-stdin", typed="short\n")

    assert "8 characters" in line
    assert person.get("/me", "auth").status_code == 200


@every("command", CHANGES)
@every("name", ["nobody {}", "a:b", "", "\x00"])
def test_nobody_is_changed_who_is_not_there(operator: Operator, command: str, name: str) -> None:
    words = ["users", command, name.format(secrets.token_hex(4))]
    if command == "set-password":
        words.append("--password-stdin")

    line = operator.fail(*words, typed=f"{PASSWORD}\n")

    assert name.startswith("nobody") == (line == "there is no user of this name")


@pytest.mark.parametrize(
    "words", [["create"], ["promote"], ["create", "a", "b"], ["remove", "Ann"], ["list", "x"]]
)
def test_a_wrong_command_is_told_how_to_write_it(operator: Operator, words: list[str]) -> None:
    done = operator.run("users", *words)

    assert done.exit_code == 2
    assert "Usage:" in done.output


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "the schema is not current; `db upgrade` makes it so"),
        ({"AUTH_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "the database cannot be reached"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], line: str
) -> None:
    with Operator({"DATA_DIR": str(tmp_path)} | settings, monkeypatch) as operator:
        assert operator.fail("users", "list") == line


def test_the_commands_are_there_at_a_real_command_line(pair: Pair, person: Person) -> None:
    assert person.public_id in run_flask("auth", "users", "list", environment=pair.environment)

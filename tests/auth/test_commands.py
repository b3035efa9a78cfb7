"""`flask --app auth_service users …`: what an operator can do to users, and how mistakes are told."""

import re
from pathlib import Path

import pytest

from tests.auth.database import told_of_user
from tests.auth.logins import log_in, try_password
from tests.auth.users import OTHER, Operator, operator_in
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, new_name, register

PUBLIC_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CHANGES = [[word] for word in ("promote", "demote", "disable", "enable")]
CHANGES += [["set-password", "--password-stdin"], ["delete", "--yes"]]


def listed(operator: Operator, name: str) -> list[str]:
    """Return the public id and the roles of the user of this name in `users list`."""
    lines = operator.succeed("users", "list").splitlines()
    (line,) = [line for line in lines if line.endswith(f"  {name}")]
    return line.split()[:2]


def test_the_first_admin_is_made_at_the_command_line(pair: Pair, operator: Operator) -> None:
    name = new_name()

    words = ("users", "create", "--admin", name, "--password-stdin")
    public_id = operator.succeed(*words, typed=f"{PASSWORD}\n")

    assert PUBLIC_ID.fullmatch(public_id)
    admin = Person(pair, name, public_id, try_password(pair, name).json()["token"])
    user = admin.get(f"/users/{public_id}", "auth").json()
    assert (user["name"], user["admin"]) == (name, True)


@on_sqlite
def test_a_password_is_asked_for_twice_and_not_shown(pair: Pair, operator: Operator) -> None:
    name = new_name()

    shown = operator.succeed("users", "create", name, typed=f"{PASSWORD}\n{PASSWORD}\n")

    assert PASSWORD not in shown
    assert [line.split(":")[0] for line in shown.splitlines()[:2]] == ["Password", "Repeat for confirmation"]
    assert try_password(pair, name).status_code == 200
    assert listed(operator, name)[1] == "-"


@on_sqlite
@every("typed", ["{}", "{}\n", "{}\r\n", "\ufeff{}\r\n"])
def test_standard_input_is_one_line_without_its_end(pair: Pair, operator: Operator, typed: str) -> None:
    words, line = ("users", "create", name := new_name(), "--password-stdin"), typed.format(PASSWORD)

    for more in (f"{PASSWORD}\n", "\n"):
        refused = operator.fail(*words, typed=f"{line}\n{more}")
        assert refused == "standard input has more than one line"
    operator.succeed(*words, typed=line)

    assert try_password(pair, name).status_code == 200


@on_sqlite
def test_the_rules_hold_for_an_operator_too(operator: Operator, person: Person) -> None:
    for name, password, reason in (
        ("a:b", PASSWORD, "colon"),
        ("somebody new", "short", "8 characters"),
        ("somebody new", "somebody new", "the name"),
        (person.name.upper(), OTHER, "name is already taken"),
    ):
        assert reason in operator.fail("users", "create", name, "--password-stdin", typed=f"{password}\n")

    assert not re.search("  somebody new$", operator.succeed("users", "list"), re.M)
    assert log_in(person).is_live


@pytest.mark.usefixtures("admin")  # another one, for the last admin stays
def test_a_user_is_changed_and_the_list_shows_it_and_no_hash(operator: Operator, person: Person) -> None:
    seen = []
    for command in ("promote", "promote", "demote", "demote", "disable", "enable"):
        operator.succeed("users", command, person.name.upper())
        login = try_password(person.pair, person.name)
        seen.append((*listed(operator, person.name), login.status_code))

    roles = [("admin", 200)] * 2 + [("-", 200)] * 2 + [("disabled", 401), ("-", 200)]
    assert seen == [(person.public_id, *each) for each in roles]
    assert "argon2" not in operator.succeed("users", "list")

    words, before = ("users", "set-password", person.name, "--password-stdin"), log_in(person)
    assert "8 characters" in operator.fail(*words, typed="short\n")
    assert before.request("GET", "/me").status_code == 200
    operator.succeed(*words, typed=f"{OTHER}\n")
    assert not before.is_live
    assert log_in(person, OTHER).is_live


@on_sqlite
@every("words, typed", [(["--yes"], ""), ([], "y\n")])
def test_nobody_is_deleted_without_a_yes(
    pair: Pair, operator: Operator, words: list[str], typed: str
) -> None:
    person = register(pair)
    for no in ("n\n", "\n", ""):
        assert operator.run("users", "delete", person.name, typed=no).exit_code == 1
    assert person.get("/me", "auth").status_code == 200

    operator.succeed("users", "delete", person.name.upper(), *words, typed=typed)

    assert person.get("/me", "auth").status_code == 401
    assert told_of_user(person) == [("user.deleted",)]
    (*_, deletion) = operator.succeed("audit", "--user", person.name).splitlines()
    assert re.search(' user.deleted .* detail="by an operator"$', deletion)


@on_sqlite
@every("command", CHANGES)
@every("name", ["nobody else", "a:b", "", "\x00"])
def test_nobody_is_changed_who_is_not_there(operator: Operator, command: list[str], name: str) -> None:
    line = operator.fail("users", *command, name, typed=f"{PASSWORD}\n")

    assert line == "there is no user of this name"


def test_a_database_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    environment = {"DATA_DIR": str(tmp_path)}
    with operator_in(environment) as operator:
        assert operator.fail("users", "list") == "the schema is not current; `db upgrade` makes it so"

    environment["AUTH_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/x"
    with operator_in(environment) as operator:
        assert operator.fail("users", "list") == "the database cannot be reached"

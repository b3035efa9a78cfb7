"""/users, /users/<public_id> and their commands: how users are made, changed and deleted by others."""

from typing import Any

import pytest
import requests
from sqlalchemy import select

from auth_service.models import AuditEntry, Registration
from tests import api
from tests.auth.database import kept, rows, told_of, told_of_user
from tests.auth.hashers import no_core
from tests.auth.logins import assert_refused, log_in, login_of, refresh, try_password
from tests.auth.shell import Operator
from tests.auth.users import OTHER, change_user, delete_user
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, new_name, register

NO_SUCH_USER = "user does not exist"
WRONG: dict[str, list[object]] = {
    "admin": [1, 0, "true", None, [], {}],
    "disabled": [1, 0.0, "false", None, []],
    "password": ["short", "password123", "", None, 1, "x" * 257],
    **{member: [True] for member in ("name", "id", "public_id", "password_hash", "Admin")},
}


def login_status(person: Person, password: str = PASSWORD) -> int:
    return try_password(person.pair, person.name, password).status_code


def test_a_user_becomes_an_admin_and_is_one_no_more(admin: Person, person: Person) -> None:
    seen = []
    for is_admin in (True, True, False, False):
        answer = change_user(admin, person, admin=is_admin)
        assert answer.status_code == 200
        assert answer.json() == admin.get(f"/users/{person.public_id}", "auth").json()
        seen.append((answer.json()["admin"], person.get("/users", "auth").status_code))

    assert seen == [(True, 200), (True, 200), (False, 403), (False, 403)]


def test_a_disabled_user_is_logged_out_and_stays_out_until_enabled(admin: Person, person: Person) -> None:
    login = login_of(person)

    for disabled, status in ((True, 401), (False, 200)):
        assert change_user(admin, person, disabled=disabled).json()["disabled"] is disabled
        assert admin.get(f"/users/{person.public_id}", "auth").json()["disabled"] is disabled
        assert not login.is_live
        assert_refused(refresh(person.pair, login.refresh_token))
        assert login_status(person) == status

    assert told_of(person.pair, login.session_id) == 1


def test_another_password_logs_out(admin: Person, person: Person) -> None:
    user = change_user(admin, person, admin=True, disabled=False, password=OTHER).json()

    assert (user["admin"], user["disabled"]) == (True, False)
    assert not login_of(person).is_live
    assert told_of(person.pair, login_of(person).session_id) == 1
    assert (login_status(person), login_status(person, OTHER)) == (401, 200)


@on_sqlite
@every(
    "members, wrong",
    [({member: value}, [f"/{member}"]) for member, values in WRONG.items() for value in values]
    + [({"admin": 1, "disabled": 1, "password": "x"}, ["/admin", "/disabled", "/password"])],
)
def test_a_change_that_breaks_a_rule_changes_nothing(
    admin: Person, person: Person, members: dict[str, object], wrong: list[str]
) -> None:
    answer = change_user(admin, person, **members)

    assert sorted(complaints(answer)) == wrong
    assert login_of(person).is_live


def test_what_changes_nothing_logs_nobody_out(admin: Person, person: Person) -> None:
    before = person.get("/me", "auth").json()

    for nothing in ({}, {"disabled": False}, {"admin": False}):
        assert change_user(admin, person, **nothing).json() == before

    assert complaints(change_user(admin, person, password=person.name.title())) == ["/password"]
    assert person.get("/me", "auth").json() == before


def test_a_user_is_erased(admin: Person, person: Person) -> None:
    login = log_in(person)

    answer = delete_user(admin, person)

    assert (answer.status_code, answer.content) == (204, b"")
    assert not login.is_live
    assert kept(person.pair, login.session_id) == 0
    assert told_of_user(person) == [("user.deleted",)]
    assert login_status(person) == 401
    for again in ({}, {"admin": True}, {"disabled": True}, {"password": OTHER}):
        assert_problem(change_user(admin, person, **again), 404, NO_SUCH_USER)
    assert_problem(admin.get(f"/users/{person.public_id}", "auth"), 404, NO_SUCH_USER)
    assert_problem(delete_user(admin, person), 404, NO_SUCH_USER)


@pytest.mark.parametrize(("words", "typed"), [(["--yes"], ""), ([], "y\n")])
def test_an_operator_deletes_a_user_with_all_there_is_of_it(
    operator: Operator, person: Person, words: list[str], typed: str
) -> None:
    operator.succeed("users", "delete", person.name.upper(), *words, typed=typed)

    assert_problem(person.get("/me", "auth"), 401)
    assert told_of_user(person) == [("user.deleted",)]
    entries = select(AuditEntry.detail).where(AuditEntry.public_id == person.public_id)
    deletion = AuditEntry.event == "user.deleted"
    assert rows(person.pair, entries.where(deletion)) == [("by an operator",)]


@on_sqlite
@every("typed", ["n\n", "\n", ""])
def test_without_a_yes_nobody_is_deleted(operator: Operator, person: Person, typed: str) -> None:
    assert operator.run("users", "delete", person.name, typed=typed).exit_code == 1

    assert person.get("/me", "auth").status_code == 200


@pytest.fixture
def closed(pair: Pair) -> Pair:
    """Return the pair with registration closed."""
    return pair.variant(REGISTRATION="closed")


def new_user(**members: Any) -> dict[str, Any]:
    return {"name": new_name(), "password": PASSWORD} | members


@on_sqlite
@every("options", [{"json": new_user()}, {"json": {"name": 1}}, {"data": b"x" * 70_000}])
def test_closed_registration_refuses_whatever_the_body(closed: Pair, options: dict[str, Any]) -> None:
    refused = api.post(closed.url("auth") + "/register", **options)

    assert_problem(refused, 403, "registration is closed")


def post(admin: Person, body: Any) -> requests.Response:
    return admin.post("/users", body, "auth")


def test_an_admin_makes_a_user_who_can_log_in_and_the_audit_log_says_who(closed: Pair, admin: Person) -> None:
    body = new_user()
    registered = rows(admin.pair, select(Registration.id))

    headers = {"Authorization": f"Bearer {admin.token}"}
    answer = api.post(closed.url("auth") + "/users", json=body, headers=headers)

    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/users/{made['public_id']}"
    assert made == admin.get(answer.headers["Location"], "auth").json()
    assert (made["name"], made["admin"], made["disabled"]) == (body["name"], False, False)
    assert try_password(closed, body["name"]).status_code == 200
    assert rows(admin.pair, select(Registration.id)) == registered
    entries = select(AuditEntry.event, AuditEntry.name, AuditEntry.ip, AuditEntry.detail)
    assert rows(admin.pair, entries.where(AuditEntry.public_id == made["public_id"])) == [
        ("user.made", made["name"], "127.0.0.1", f"by {admin.public_id}"),
        ("login", made["name"], "127.0.0.1", None),
    ]
    assert [post(admin, new_user(admin=role)).json()["admin"] for role in (True, False)] == [True, False]


@on_sqlite
def test_a_name_that_is_taken_is_refused_without_a_hash(admin: Person, person: Person) -> None:
    with no_core(admin.pair.apps["auth"]):
        assert_problem(post(admin, new_user(name=person.name.upper())), 409, "name is already taken")
        assert_problem(post(admin, new_user()), 503)


@on_sqlite
def test_the_rules_of_a_registration_hold(admin: Person) -> None:
    body = {"name": "a:b", "password": "short", "disabled": True, "admin": 1}

    assert sorted(complaints(post(admin, body))) == ["/admin", "/disabled", "/name", "/password"]
    name = new_name()
    assert complaints(post(admin, {"name": name, "password": name.upper()})) == ["/password"]


@on_sqlite
def test_an_admin_may_give_itself_another_password(pair: Pair, admin: Person) -> None:
    deputy = register(pair)
    change_user(admin, deputy, admin=True)

    assert change_user(deputy, deputy, password=OTHER).status_code == 200

    assert not login_of(deputy).is_live
    assert log_in(deputy, OTHER).is_live

"""Users that admins and operators make and delete, whether registration is open or closed."""

from typing import Any

import pytest
import requests
from sqlalchemy import select

from auth_service.models import AuditEntry, Event, Registration
from tests import api
from tests.auth.database import rows
from tests.auth.hashers import no_core, while_hashing
from tests.auth.shell import Operator
from tests.cases import every
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, new_name, register, register_admin


@pytest.fixture
def closed(pair: Pair) -> Pair:
    """Return the pair with registration closed."""
    return pair.variant(REGISTRATION="closed")


def new_user(**members: Any) -> dict[str, Any]:
    return {"name": new_name(), "password": PASSWORD} | members


def post(admin: Person, body: Any, pair: Pair | None = None, **options: Any) -> requests.Response:
    """Make a user as this admin, on another pair with the same databases if one is given."""
    headers = {"Authorization": f"Bearer {admin.token}"}
    url = (pair or admin.pair).url("auth") + "/users"
    return api.post(url, json=body, headers=headers, **options)


def log_in(pair: Pair, name: str) -> requests.Response:
    return api.post(pair.url("auth") + "/login", auth=(name, PASSWORD))


@every("options", [{"json": new_user()}, {"json": {"name": 1}}, {"data": b"x" * 70_000}])
def test_closed_registration_refuses_whatever_the_body(closed: Pair, options: dict[str, Any]) -> None:
    refused = api.post(closed.url("auth") + "/register", **options)

    assert_problem(refused, 403, "registration is closed")


def test_an_admin_makes_a_user_who_can_log_in_and_the_audit_log_says_who(closed: Pair, admin: Person) -> None:
    body = new_user()
    registered = rows(admin.pair, select(Registration.id))

    answer = post(admin, body, closed)

    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/users/{made['public_id']}"
    assert made == admin.get(answer.headers["Location"], "auth").json()
    assert (made["name"], made["admin"], made["disabled"]) == (body["name"], False, False)
    assert log_in(closed, body["name"]).status_code == 200
    assert rows(admin.pair, select(Registration.id)) == registered
    entries = select(AuditEntry.event, AuditEntry.name, AuditEntry.ip, AuditEntry.detail)
    assert rows(admin.pair, entries.where(AuditEntry.public_id == made["public_id"])) == [
        ("user.made", made["name"], "127.0.0.1", f"by {admin.public_id}"),
        ("login", made["name"], "127.0.0.1", None),
    ]
    assert [post(admin, new_user(admin=role)).json()["admin"] for role in (True, False)] == [True, False]


def test_who_is_no_admin_is_refused_before_the_body_is_read(person: Person) -> None:
    for options in ({"json": {"name": 1}}, {"data": b"not JSON"}, {"data": b"x" * 70_000}):
        refused = person.request("POST", "auth", "/users", **options)
        assert_problem(refused, 403, "only an admin may do this")


def test_a_name_that_is_taken_is_refused_without_a_hash(admin: Person, person: Person) -> None:
    with no_core(admin.pair.apps["auth"]):
        taken = post(admin, new_user(name=person.name.upper()))
        busy = post(admin, new_user())

    assert_problem(taken, 409, "name is already taken")
    assert_problem(busy, 503)


def test_the_rules_of_a_registration_hold(admin: Person) -> None:
    body = {"name": "a:b", "password": "short", "disabled": True}

    assert sorted(complaints(post(admin, body))) == ["/disabled", "/name", "/password"]
    assert complaints(post(admin, new_user(admin=1))) == ["/admin"]
    name = new_name()
    assert complaints(post(admin, {"name": name, "password": name.upper()})) == ["/password"]


@pytest.mark.usefixtures("admin")  # another one, for the last admin stays
def test_an_admin_who_is_demoted_meanwhile_makes_nobody(pair: Pair, operator: Operator) -> None:
    demoted, body = register_admin(pair), new_user()
    with while_hashing(pair.apps["auth"], lambda: operator.succeed("users", "demote", demoted.name)):
        assert_problem(post(demoted, body), 403, "only an admin may do this")

    assert_problem(log_in(pair, body["name"]), 401)


@pytest.mark.parametrize(("words", "typed"), [(["--yes"], ""), ([], "y\n")])
def test_an_operator_deletes_a_user_with_all_there_is_of_it(
    pair: Pair, operator: Operator, words: list[str], typed: str
) -> None:
    person = register(pair)

    operator.succeed("users", "delete", person.name.upper(), *words, typed=typed)

    assert_problem(person.get("/me", "auth"), 401)
    event_types = select(Event.type).where(Event.public_id == person.public_id)
    assert rows(pair, event_types) == [("user.deleted",)]
    entries = select(AuditEntry.detail).where(AuditEntry.public_id == person.public_id)
    assert rows(pair, entries.where(AuditEntry.event == "user.deleted")) == [("by an operator",)]


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_without_a_yes_nobody_is_deleted(operator: Operator, person: Person, typed: str) -> None:
    done = operator.run("users", "delete", person.name, typed=typed)

    assert done.exit_code == 1
    assert person.get("/me", "auth").status_code == 200

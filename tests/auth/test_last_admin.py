"""The last admin who can log in stays, by whatever route."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from sqlalchemy import select, text, update

from auth_service.audit import OPERATOR
from auth_service.models import User, UserRow
from auth_service.users.changes import update_user
from tests import api
from tests.auth.database import connected
from tests.auth.shell import Operator
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, register
from tests.waiting import wait_until

STAYS = "the last admin stays"
BLOCKED = text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")


def patch(admin: Person, person: Person, /, **members: Any) -> requests.Response:
    return admin.request("PATCH", "auth", f"/users/{person.public_id}", json=members)


def delete_me(person: Person) -> requests.Response:
    return api.delete(person.pair.url("auth") + "/me", auth=(person.name, PASSWORD), timeout=30)


def delete(admin: Person, person: Person) -> requests.Response:
    return admin.delete(f"/users/{person.public_id}", "auth")


def assert_still_admin(person: Person) -> None:
    user = person.get("/me", "auth").json()
    assert (user["admin"], user["disabled"]) == (True, False)


@pytest.mark.parametrize(
    "members",
    [
        {"admin": False},
        {"disabled": True},
        {"admin": True, "disabled": True},
        {"admin": False, "password": "x" * 9},
    ],
    ids=str,
)
def test_the_last_admin_is_not_changed_into_less(only_admin: Person, members: dict[str, object]) -> None:
    assert_problem(patch(only_admin, only_admin, **members), 409, STAYS)

    assert_still_admin(only_admin)


def test_the_last_admin_is_not_deleted(only_admin: Person) -> None:
    assert_problem(delete(only_admin, only_admin), 409, STAYS)
    assert_problem(delete_me(only_admin), 409, STAYS)

    assert_still_admin(only_admin)


@pytest.mark.parametrize("command", ["demote", "disable"])
def test_not_even_by_an_operator(only_admin: Person, operator: Operator, command: str) -> None:
    assert operator.fail("users", command, only_admin.name) == STAYS

    assert_still_admin(only_admin)


def test_a_disabled_admin_is_no_other_one(only_admin: Person, pair: Pair) -> None:
    other = register(pair)
    assert patch(only_admin, other, admin=True, disabled=True).status_code == 200

    assert_problem(patch(only_admin, only_admin, admin=False), 409, STAYS)

    assert patch(only_admin, other, admin=False).json()["admin"] is False
    assert_still_admin(only_admin)


def test_of_two_admins_one_may_go_in_any_way(only_admin: Person, pair: Pair) -> None:
    for go in (
        lambda admin, other: patch(admin, other, admin=False),
        lambda admin, other: patch(admin, other, disabled=True),
        delete,
        lambda _, other: delete_me(other),
    ):
        other = register(pair)
        patch(only_admin, other, admin=True)
        assert go(only_admin, other).status_code in (200, 204)

        assert_problem(patch(only_admin, only_admin, admin=False), 409, STAYS)


@pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")  # SQLite has one writer
def test_who_is_no_admin_is_changed_though_admins_are_locked(pair: Pair, admin: Person) -> None:
    other, first, second = register(pair), register(pair), register(pair)
    assert patch(admin, other, admin=True).status_code == 200
    locked = User.public_id == other.public_id
    with connected(pair) as busy:
        busy.execute(select(User.id).where(locked).with_for_update())

        statuses = [
            delete_me(first).status_code,
            patch(admin, second, disabled=True).status_code,
            delete(admin, second).status_code,
        ]

    assert statuses == [204, 200, 204]


@pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")  # SQLite has one writer
def test_who_is_promoted_while_it_is_disabled_is_not_the_last_admin(
    pair: Pair, admin: Person, operator: Operator
) -> None:
    person = register(pair)
    of_person = User.public_id == person.public_id

    def disable() -> UserRow:
        with operator.app.app_context():
            return update_user(person.public_id, {"disabled": True}, by=OPERATOR)

    with ThreadPoolExecutor(1) as thread, connected(pair) as promoting:
        promoting.execute(update(User).where(of_person).values(admin=True))
        disabled = thread.submit(disable)
        wait_until(lambda: promoting.scalar(BLOCKED), "it waits for the promotion")

    assert disabled.result().disabled
    assert_still_admin(admin)


def test_the_last_admin_may_get_another_password_and_stay_what_it_is(only_admin: Person) -> None:
    assert patch(only_admin, only_admin, admin=True, disabled=False).status_code == 200

    assert patch(only_admin, only_admin, password="another good password").status_code == 200

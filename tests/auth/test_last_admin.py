"""The last admin who can log in stays, by whatever route."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask
from sqlalchemy import select, text, update

from auth_service.audit import OPERATOR
from auth_service.models import User, UserRow
from auth_service.users.changes import update_user
from tests.auth.database import connected
from tests.auth.shell import Operator
from tests.auth.users import change_user, delete_me, delete_user
from tests.cases import on_postgresql
from tests.pair import Pair
from tests.people import Person, assert_problem, register
from tests.waiting import wait_until

STAYS = "the last admin stays"
BLOCKED = text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")


def assert_still_admin(person: Person) -> None:
    user = person.get("/me", "auth").json()
    assert (user["admin"], user["disabled"]) == (True, False)


def test_the_last_admin_stays_by_whatever_route(only_admin: Person, operator: Operator) -> None:
    less: list[dict[str, Any]] = [{"admin": False}, {"disabled": True}, {"admin": True, "disabled": True}]
    for change in [*less, {"admin": False, "password": "x" * 9}]:
        assert_problem(change_user(only_admin, only_admin, **change), 409, STAYS)
    assert_problem(delete_user(only_admin, only_admin), 409, STAYS)
    assert_problem(delete_me(only_admin), 409, STAYS)
    for command in (["demote"], ["disable"], ["delete", "--yes"]):
        assert operator.fail("users", *command, only_admin.name) == STAYS

    assert_still_admin(only_admin)
    assert "user.demoted" not in operator.succeed("audit", "--user", only_admin.name)
    assert change_user(only_admin, only_admin, admin=True, disabled=False).status_code == 200
    assert change_user(only_admin, only_admin, password="another good password").status_code == 200


def test_a_disabled_admin_is_no_other_one(only_admin: Person, person: Person) -> None:
    assert change_user(only_admin, person, admin=True, disabled=True).status_code == 200

    assert_problem(change_user(only_admin, only_admin, admin=False), 409, STAYS)

    assert change_user(only_admin, person, admin=False).json()["admin"] is False
    assert_still_admin(only_admin)


def test_of_two_admins_one_may_go_in_any_way(only_admin: Person, pair: Pair) -> None:
    for go in (
        lambda admin, other: change_user(admin, other, admin=False),
        lambda admin, other: change_user(admin, other, disabled=True),
        delete_user,
        lambda _, other: delete_me(other),
    ):
        other = register(pair)
        change_user(only_admin, other, admin=True)
        assert go(only_admin, other).status_code in (200, 204)

        assert_problem(change_user(only_admin, only_admin, admin=False), 409, STAYS)


@on_postgresql  # SQLite has one writer
def test_who_is_no_admin_is_changed_though_admins_are_locked(pair: Pair, admin: Person) -> None:
    other, first, second = register(pair), register(pair), register(pair)
    assert change_user(admin, other, admin=True).status_code == 200
    with connected(pair) as busy:
        busy.execute(select(User.id).where(User.public_id == other.public_id).with_for_update())

        assert delete_me(first).status_code == 204
        assert change_user(admin, second, disabled=True).status_code == 200
        assert delete_user(admin, second).status_code == 204


@on_postgresql  # SQLite has one writer
def test_who_is_promoted_while_it_is_disabled_is_not_the_last_admin(
    pair: Pair, admin: Person, person: Person, app: Flask
) -> None:
    def disable() -> UserRow:
        with app.app_context():
            return update_user(person.public_id, {"disabled": True}, by=OPERATOR)

    with ThreadPoolExecutor(1) as thread, connected(pair) as promoting:
        promoting.execute(update(User).where(User.public_id == person.public_id).values(admin=True))
        disabled = thread.submit(disable)
        wait_until(lambda: promoting.scalar(BLOCKED), "it waits for the promotion")

    assert disabled.result().disabled
    assert_still_admin(admin)

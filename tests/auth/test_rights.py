"""Rights at the moment that counts: the last admin stays, and nobody acts by rights that are gone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select, text, update

from auth_service.audit import OPERATOR
from auth_service.models import KnownNetwork, User, UserRow
from auth_service.throttle.attempts import key_of
from auth_service.users.changes import update_user
from tests.at_once import at_once
from tests.auth.database import connected, count
from tests.auth.hashers import while_hashing
from tests.auth.logins import Login, log_in, log_out, login_of, refresh, try_password
from tests.auth.users import OTHER, Operator, change_password, change_user, delete_me, delete_user
from tests.cases import on_postgresql
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, new_name, register
from tests.waiting import wait_until

STAYS = (409, "the last admin stays")
BLOCKED = text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
ROUNDS = 4

Act = Callable[[Person, Person], requests.Response]


def demote(admin: Person, other: Person) -> requests.Response:
    return change_user(admin, other, admin=False)


def disable(admin: Person, other: Person) -> requests.Response:
    return change_user(admin, other, disabled=True)


def assert_still_admin(person: Person) -> None:
    user = person.get("/me", "auth").json()
    assert (user["admin"], user["disabled"]) == (True, False)


def test_the_last_admin_stays_by_whatever_route(only_admin: Person, operator: Operator) -> None:
    less: list[dict[str, Any]] = [{"admin": False}, {"disabled": True}, {"admin": True, "disabled": True}]
    for change in [*less, {"admin": False, "password": "x" * 9}]:
        assert_problem(change_user(only_admin, only_admin, **change), *STAYS)
    assert_problem(delete_user(only_admin, only_admin), *STAYS)
    assert_problem(delete_me(only_admin), *STAYS)
    for command in (["demote"], ["disable"], ["delete", "--yes"]):
        assert operator.fail("users", *command, only_admin.name) == STAYS[1]

    assert_still_admin(only_admin)
    assert "user.demoted" not in operator.succeed("audit", "--user", only_admin.name)
    assert change_user(only_admin, only_admin, admin=True, disabled=False).status_code == 200
    assert change_user(only_admin, only_admin, password="another good password").status_code == 200


def test_a_disabled_admin_is_no_other_one(only_admin: Person, person: Person) -> None:
    assert change_user(only_admin, person, admin=True, disabled=True).status_code == 200

    assert_problem(demote(only_admin, only_admin), *STAYS)

    assert demote(only_admin, person).json()["admin"] is False
    assert_still_admin(only_admin)


def test_of_two_admins_one_may_go_in_any_way(only_admin: Person, pair: Pair) -> None:
    ways: list[Act] = [demote, disable, delete_user]
    ways += [lambda _, other: delete_me(other), lambda _, other: delete_user(other, other)]
    for go in ways:
        other = register(pair)
        change_user(only_admin, other, admin=True)
        assert go(only_admin, other).status_code in (200, 204)

        assert login_of(other).is_live == (go is demote)
        assert_problem(demote(only_admin, only_admin), *STAYS)


def test_of_two_admins_who_demote_each_other_at_once_one_stays(pair: Pair, only_admin: Person) -> None:
    both = [only_admin, register(pair)]
    assert change_user(*both, admin=True).status_code == 200
    for _ in range(ROUNDS):
        answers = at_once(2, pair.url("auth"), lambda _, number: demote(both[number], both[1 - number]))

        # The second is either told that it is the last, or is no admin by then.
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) in ([200, 403], [200, 409])
        stayed = statuses.index(200)
        assert change_user(both[stayed], both[1 - stayed], admin=True).json()["admin"] is True


@on_postgresql  # SQLite has one writer
def test_who_is_no_admin_is_changed_though_admins_are_locked(pair: Pair, admin: Person) -> None:
    other, first, second = register(pair), register(pair), register(pair)
    assert change_user(admin, other, admin=True).status_code == 200
    with connected(pair) as busy:
        busy.execute(select(User.id).where(User.public_id == other.public_id).with_for_update())

        assert delete_me(first).status_code == 204
        assert disable(admin, second).status_code == 200
        assert delete_user(admin, second).status_code == 204


@on_postgresql  # SQLite has one writer
def test_who_is_promoted_meanwhile_is_not_last(pair: Pair, admin: Person, person: Person, app: Flask) -> None:
    def disable_it() -> UserRow:
        with app.app_context():
            return update_user(person.public_id, {"disabled": True}, by=OPERATOR)

    with ThreadPoolExecutor(1) as thread, connected(pair) as promoting:
        promoting.execute(update(User).where(User.public_id == person.public_id).values(admin=True))
        disabled = thread.submit(disable_it)
        wait_until(lambda: promoting.scalar(BLOCKED), "it waits for the promotion")

    assert disabled.result().disabled
    assert_still_admin(admin)


GONE = (401, "token is invalid")
LOSSES: dict[str, tuple[Act, tuple[int, str]]] = {
    "demoted": (demote, (403, "only an admin may do this")),
    "disabled": (disable, GONE),
    "deleted": (delete_user, GONE),
    "logged out": (lambda _, deputy: log_out(deputy.pair, deputy.refresh_token), GONE),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_lost_rights_change_nobody(pair: Pair, app: Flask, admin: Person, person: Person, loss: str) -> None:
    lose, (status, message) = LOSSES[loss]
    made = {"name": new_name(), "password": PASSWORD}

    def answer_to(act: Callable[[Person], requests.Response]) -> requests.Response:
        deputy = register(pair)
        assert change_user(admin, deputy, admin=True).status_code == 200
        with while_hashing(app, lambda: lose(admin, deputy)):
            return act(deputy)

    for answer in (
        answer_to(lambda deputy: change_user(deputy, person, password=OTHER)),
        answer_to(lambda deputy: deputy.post("/users", made, "auth")),
    ):
        assert_problem(answer, status, message)
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert login_of(person).is_live
    assert log_in(person).is_live
    assert count(pair, User.name == made["name"]) == 0


def test_nothing_stays_of_a_user_deleted_while_it_is_checked(pair: Pair, app: Flask, admin: Person) -> None:
    uses: list[tuple[Callable[[Person], requests.Response], int]] = [
        (delete_me, 401),
        (lambda person: change_password(person, OTHER), 403),
        (lambda person: try_password(pair, person.name), 401),
    ]
    for use, status in uses:
        person = register(pair)
        with while_hashing(app, partial(delete_user, admin, person)):
            assert use(person).status_code == status

        assert count(pair, KnownNetwork.name_key == key_of(person.name)) == 0
        assert count(pair, User.public_id == person.public_id) == 0


def test_a_user_deleted_many_times_goes_once(pair: Pair, admin: Person, login: Login, person: Person) -> None:
    ways: list[Callable[[], requests.Response]] = [
        lambda: delete_user(admin, person),
        lambda: refresh(pair, login.refresh_token),
        lambda: login.request("DELETE", "/sessions"),
    ]

    answers = at_once(12, pair.url("auth"), lambda _, number: ways[number % 3]())

    assert [answer.status_code for answer in answers[::3]].count(204) == 1
    # 503: a lock was waited for too long, on a busy machine.
    assert {answer.status_code for answer in answers} <= {200, 204, 401, 404, 503}
    assert count(pair, User.public_id == person.public_id) == 0
    assert log_out(pair, login.refresh_token).status_code == 200

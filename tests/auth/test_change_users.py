"""PATCH and DELETE /users/<public_id>: what an admin does to users, and who may not."""

from typing import Any

import pytest
import requests
from sqlalchemy import select

from auth_service.models import Event
from tests import api
from tests.auth.database import kept, rows, told_of
from tests.auth.logins import Login, assert_refused, log_in, refresh
from tests.cases import every
from tests.common.log_lines import Log, new_id
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, register

OTHER = "a cheese of another colour"
NOBODY = "00000000-0000-4000-8000-000000000000"
ONLY_ADMINS = "only an admin may do this"
NO_SUCH_USER = "user does not exist"
WRONG: dict[str, list[object]] = {
    "admin": [1, 0, "true", None, [], {}],
    "disabled": [1, 0.0, "false", None, []],
    "password": ["short", "password123", "", None, 1, "x" * 257],
    **{member: [True] for member in ("name", "id", "public_id", "password_hash", "Admin")},
}


def change(admin: Person, person: Person | str, /, **members: Any) -> requests.Response:
    public_id = person if isinstance(person, str) else person.public_id
    return admin.request("PATCH", "auth", f"/users/{public_id}", json=members)


def login_status(person: Person, password: str = PASSWORD) -> int:
    url = person.pair.url("auth") + "/login"
    return api.post(url, auth=(person.name, password), timeout=30).status_code


def test_a_user_becomes_an_admin_and_is_one_no_more(admin: Person, person: Person) -> None:
    seen = []
    for is_admin in (True, True, False, False):
        answer = change(admin, person, admin=is_admin)
        assert answer.status_code == 200
        assert answer.json() == admin.get(f"/users/{person.public_id}", "auth").json()
        seen.append((answer.json()["admin"], person.get("/users", "auth").status_code))

    assert seen == [(True, 200), (True, 200), (False, 403), (False, 403)]


def test_a_disabled_user_is_logged_out_and_stays_out_until_enabled(admin: Person, person: Person) -> None:
    login = Login(person.pair, person.token, person.refresh_token)

    assert change(admin, person, disabled=True).json()["disabled"] is True

    assert not login.is_live
    assert_refused(refresh(person.pair, login.refresh_token))
    assert told_of(person.pair, login.session_id) == 1
    assert login_status(person) == 401
    assert admin.get(f"/users/{person.public_id}", "auth").json()["disabled"] is True
    assert change(admin, person, disabled=False).json()["disabled"] is False
    assert not login.is_live
    assert_refused(refresh(person.pair, login.refresh_token))
    assert login_status(person) == 200


def test_another_password_logs_out(admin: Person, person: Person) -> None:
    login = Login(person.pair, person.token, person.refresh_token)

    assert change(admin, person, password=OTHER).status_code == 200

    assert not login.is_live
    assert told_of(person.pair, login.session_id) == 1
    assert (login_status(person), login_status(person, OTHER)) == (401, 200)


def test_several_changes_are_one(admin: Person, person: Person) -> None:
    user = change(admin, person, admin=True, disabled=False, password=OTHER).json()

    assert (user["admin"], user["disabled"]) == (True, False)
    assert login_status(person, OTHER) == 200


@pytest.mark.parametrize("members", [{}, {"disabled": False}, {"admin": False}], ids=str)
def test_what_changes_nothing_logs_nobody_out(
    admin: Person, regular: Person, members: dict[str, object]
) -> None:
    before = regular.get("/me", "auth").json()

    answer = change(admin, regular, **members)

    assert (answer.status_code, answer.json()) == (200, before)
    assert regular.get("/me", "auth").status_code == 200


@every(
    "members, wrong",
    [({member: value}, [f"/{member}"]) for member, values in WRONG.items() for value in values]
    + [({"admin": 1, "disabled": 1, "password": "x"}, ["/admin", "/disabled", "/password"])],
)
def test_a_change_that_breaks_a_rule_changes_nothing(
    admin: Person, regular: Person, members: dict[str, object], wrong: list[str]
) -> None:
    answer = change(admin, regular, **members)

    assert sorted(complaints(answer)) == wrong
    assert regular.get("/me", "auth").status_code == 200


def test_the_name_of_the_user_is_no_password(admin: Person, regular: Person) -> None:
    assert complaints(change(admin, regular, password=regular.name.title())) == ["/password"]


def test_a_user_is_erased(admin: Person, person: Person) -> None:
    login, path = log_in(person), f"/users/{person.public_id}"

    answer = admin.delete(path, "auth")

    assert (answer.status_code, answer.content) == (204, b"")
    assert not login.is_live
    assert kept(person.pair, login.session_id) == (0, 0)
    told = select(Event.type).where(Event.public_id == person.public_id)
    assert rows(person.pair, told) == [("user.deleted",)]
    for method in ("GET", "DELETE"):
        assert_problem(admin.request(method, "auth", path), 404, NO_SUCH_USER)
    assert login_status(person) == 401


@pytest.mark.parametrize("members", [{}, {"admin": True}, {"disabled": True}, {"password": OTHER}], ids=str)
def test_nobody_is_changed_who_is_not_there(admin: Person, members: dict[str, object]) -> None:
    assert_problem(change(admin, NOBODY, **members), 404, NO_SUCH_USER)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_users_are_changed_by_admins_alone(regular: Person, admin: Person, method: str) -> None:
    for public_id in (regular.public_id, admin.public_id, NOBODY):
        answer = regular.request(method, "auth", f"/users/{public_id}?x=1", data=b"x")
        assert_problem(answer, 403, ONLY_ADMINS)

    assert regular.get("/me", "auth").json()["admin"] is False


def test_changes_and_deletions_are_noted_with_who_did_it(admin: Person, pair: Pair, log: Log) -> None:
    person, headers = register(pair), {"Authorization": f"Bearer {admin.token}"}
    seen = []
    for method, body in [("PATCH", {"admin": False, "password": OTHER}), ("DELETE", None)]:
        traced = headers | {"X-Request-ID": new_id()}
        admin.request(method, "auth", f"/users/{person.public_id}", json=body, headers=traced)
        (line, _) = log.of(traced["X-Request-ID"])
        assert (line["public_id"], line["user"]) == (admin.public_id, person.public_id)
        seen.append(line["event"])

    assert seen == ["user_changed", "user_deleted"]
    assert OTHER not in log.text

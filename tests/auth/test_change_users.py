"""PATCH and DELETE /users/<public_id>: what an admin does to users, and who may not."""

import pytest

from tests.auth.database import kept, told_of, told_of_user
from tests.auth.logins import assert_refused, log_in, login_of, refresh, try_password
from tests.auth.users import OTHER, change_user, delete_user
from tests.cases import every
from tests.common.log_lines import Log, traced
from tests.people import PASSWORD, Person, assert_problem, complaints

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


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")
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


def test_changes_and_deletions_are_noted_with_who_did_it(admin: Person, person: Person, log: Log) -> None:
    seen = []
    for method, body in [("PATCH", {"admin": False, "password": OTHER}), ("DELETE", None)]:
        headers = traced(admin.token)
        admin.request(method, "auth", f"/users/{person.public_id}", json=body, headers=headers)
        (line, _) = log.of(headers["X-Request-ID"])
        assert (line["public_id"], line["user"]) == (admin.public_id, person.public_id)
        seen.append(line["event"])

    assert seen == ["user_changed", "user_deleted"]
    assert OTHER not in log.text

"""PUT /me/password and DELETE /me: for whoever shows the password, and for nobody who shows less."""

import unicodedata
from base64 import b64encode
from typing import Any

import requests

from auth_service.models import PasswordAttempt
from auth_service.throttle.pairs import key_of
from tests.auth.database import count, kept, told_of, told_of_user
from tests.auth.logins import CHALLENGE, assert_refused, granted, log_in, login_of, refresh, try_password
from tests.auth.users import OTHER, change_password, change_user, delete_me
from tests.cases import every, on_sqlite
from tests.people import PASSWORD, Person, assert_problem, complaints, register

CURRENT = "/current_password"
NEW = "/new_password"


def test_every_session_ends_and_a_new_one_begins_with_the_new_password(person: Person) -> None:
    before = [login_of(person), log_in(person)]

    fresh = granted(person.pair, change_password(person, OTHER))

    assert fresh.session_id not in {login.session_id for login in before}
    assert fresh.is_live
    assert fresh.successor()
    assert [login.is_live for login in before] == [False, False]
    assert [told_of(person.pair, login.session_id) for login in before] == [1, 1]
    assert_refused(refresh(person.pair, before[1].refresh_token))
    assert_problem(try_password(person.pair, person.name), 401, "could not verify")
    assert log_in(person, OTHER).is_live


@on_sqlite
@every("current", ["wrong", "", PASSWORD.upper(), PASSWORD + " ", "a\x00b", "x" * 5000])
def test_a_wrong_password_changes_nothing(person: Person, current: str) -> None:
    problem = assert_problem(change_password(person, OTHER, current), 403, "could not verify")

    assert problem["detail"] == "wrong password"
    assert login_of(person).is_live
    assert log_in(person).is_live  # and ends what several wrong ones in a row begin


@on_sqlite
@every(
    "new", ["short", "x" * 257, "password123", "{NAME}", "a\tb and more", " " * 12, "", None, 12345678, []]
)
def test_the_rules_of_a_registration_hold(person: Person, new: object) -> None:
    new = person.name.upper() if new == "{NAME}" else new

    for current in (PASSWORD, "wrong", new if isinstance(new, str) else ""):  # rules come before the password
        assert complaints(change_password(person, new, current)) == [NEW]


@on_sqlite
@every("form", ["NFC", "NFD"])
def test_the_current_password_is_no_new_one(person: Person, form: Any) -> None:
    current = "the café is made of paper"

    assert complaints(change_password(person, unicodedata.normalize(form, current), current)) == [NEW]


@on_sqlite
def test_everything_that_is_wrong_is_said_at_once_and_the_token_comes_first(person: Person) -> None:
    answer = person.put("/me/password?x=1", {"new_password": "x", "admin": True}, "auth")

    assert sorted(complaints(answer)) == sorted([CURRENT, NEW, "/admin", "x"])
    answer = change_password(person, "short", headers={"Authorization": "Basic QW5uOngK"})
    assert_problem(answer, 401, "a valid token is missing")


def test_a_user_is_erased_with_all_there_is_of_it_and_the_name_is_free(person: Person) -> None:
    first, second = login_of(person), log_in(person)
    second.successor()

    answer = delete_me(person)

    assert (answer.status_code, answer.content) == (204, b"")
    assert_refused(refresh(person.pair, second.refresh_token))
    assert kept(person.pair, first.session_id, second.session_id) == 0
    assert_problem(try_password(person.pair, person.name), 401, "could not verify")
    assert told_of_user(person) == [("user.deleted",)]

    another = register(person.pair, person.name)

    assert another.public_id != person.public_id
    assert another.get("/me", "auth").json()["public_id"] == another.public_id
    assert_refused(person.get("/me", "auth"), "token-revoked")


def basic(name: str, password: str = PASSWORD) -> str:
    return b64encode(f"{name}:{password}".encode()).decode()


@on_sqlite
@every("scheme", ["", "Basic", "Basic !!!!", "Bearer {token}", "Bearer {right}", "Digest {right}"])
def test_without_credentials_nobody_is_erased(person: Person, scheme: str) -> None:
    authorization = scheme.format(token=person.token, right=basic(person.name))

    for path in ("/me", "/me?x=1"):
        assert_not_erased(person, delete_me(person, path, headers={"Authorization": authorization}))


@on_sqlite
def test_less_than_name_and_password_erases_nobody(person: Person) -> None:
    token, body = {"x-access-tokens": person.token}, {"name": person.name, "password": PASSWORD}

    assert_not_erased(person, delete_me(person, headers=token, json=body))
    for wrong in (basic(person.name, "wrong"), basic(f"{person.name} x")):
        headers = token | {"Authorization": f"Basic {wrong}"}
        assert_not_erased(person, delete_me(person, headers=headers, json=body))


def assert_not_erased(person: Person, answer: requests.Response) -> None:
    assert_problem(answer, 401, "could not verify")
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    assert login_of(person).is_live


@on_sqlite
def test_a_query_is_refused_before_a_password_is_compared_or_counted(person: Person) -> None:
    for password in ["wrong"] * 7 + [PASSWORD]:
        assert complaints(delete_me(person, "/me?x=1", auth=(person.name, password))) == ["x"]
    assert count(person.pair, PasswordAttempt.name_key == key_of(person.name)) == 0


def test_a_disabled_user_cannot_leave(person: Person, admin: Person) -> None:
    change_user(admin, person, disabled=True)

    assert_problem(delete_me(person), 401, "could not verify")

    assert admin.get(f"/users/{person.public_id}", "auth").status_code == 200

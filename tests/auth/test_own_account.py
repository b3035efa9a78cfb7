"""/me: what users see of themselves, and do with the password, and nobody without it."""

import time
import unicodedata
import uuid
from base64 import b64encode
from typing import Any

from auth_service.models import PasswordAttempt
from auth_service.throttle.attempts import key_of
from common.tokens.access import issue
from common.tokens.keys import read_keys
from tests import api
from tests.auth.database import count, kept, told_of, told_of_user
from tests.auth.logins import (
    CHALLENGE,
    Login,
    assert_refused,
    granted,
    log_in,
    login_of,
    refresh,
    try_password,
)
from tests.auth.users import MEMBERS, NOBODY, OTHER, TIME, change_password, change_user, delete_me
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, register

CURRENT = "the café is made of paper"


def test_a_user_is_shown_to_itself_and_to_an_admin(admin: Person, person: Person) -> None:
    answers = [person.get("/me", "auth"), admin.get(f"/users/{person.public_id}", "auth")]

    user = answers[0].json()
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, user)] * 2
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert user.keys() == MEMBERS
    assert (user["public_id"], user["name"]) == (person.public_id, person.name)
    assert (user["admin"], user["disabled"]) == (False, False)
    assert TIME.fullmatch(user["created_at"])


def test_a_session_that_was_opened_is_good_for_its_user_alone(
    pair: Pair, admin: Person, login: Login
) -> None:
    key, own = read_keys(pair.folder / "keys.json").signing, login.session_id
    owner = login.claims["sub"]
    for public_id, session_id in ((admin.public_id, own), (NOBODY, own), (owner, str(uuid.uuid4()))):
        login.token = issue(key, public_id=public_id, session_id=session_id, now=time.time())

        assert_refused(login.request("GET", "/me"), "token-revoked")
        books = api.get(f"{pair.url('books')}/books", headers={"x-access-tokens": login.token})
        assert books.status_code == 200  # it asks nobody


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
@every("new", ["short", "password123", "{NAME}", None, unicodedata.normalize("NFD", CURRENT)])
def test_the_rules_of_a_registration_hold_and_the_current_one_is_not_new(person: Person, new: Any) -> None:
    new = person.name.upper() if new == "{NAME}" else new

    for current in (CURRENT, new or ""):  # rules come before the password, which is another
        assert complaints(change_password(person, new, current)) == ["/new_password"]


@on_sqlite
def test_everything_that_is_wrong_is_said_at_once_and_the_token_comes_first(person: Person) -> None:
    answer = person.put("/me/password?x=1", {"new_password": "x", "admin": True}, "auth")

    assert sorted(complaints(answer)) == ["/admin", "/current_password", "/new_password", "x"]
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


@on_sqlite
@every(
    "authorization, path",
    [("", "/me?x=1"), ("Bearer {token}", "/me?x=1"), ("Digest {right}", "/me?x=1"), ("Basic {wrong}", "/me")],
)
def test_less_than_name_and_password_erases_nobody(person: Person, authorization: str, path: str) -> None:
    right, wrong = (b64encode(f"{person.name}:{each}".encode()).decode() for each in (PASSWORD, "wrong"))
    shown = authorization.format(token=person.token, right=right, wrong=wrong)
    headers = {"Authorization": shown, "x-access-tokens": person.token}

    answer = delete_me(person, path, headers=headers, json={"name": person.name, "password": PASSWORD})

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

"""PUT /me/password: another password for whoever knows the present one, and a session that begins anew."""

import unicodedata
from typing import Any

import pytest
import requests

from tests import api
from tests.auth.database import told_of
from tests.auth.logins import TOKENS, Login, assert_refused, log_in, refresh
from tests.cases import every
from tests.common.log_lines import Log, new_id
from tests.people import PASSWORD, Person, assert_problem, complaints

OTHER = "a cheese of another colour"
CURRENT = "/current_password"
NEW = "/new_password"


def change(person: Person, new: object, current: object = PASSWORD, **options: Any) -> requests.Response:
    body = {"current_password": current, "new_password": new}
    return person.request("PUT", "auth", "/me/password", json=body, **options)


def test_the_new_password_is_the_password(person: Person) -> None:
    answer = change(person, OTHER)

    assert answer.status_code == 200
    assert answer.json().keys() == TOKENS
    assert answer.headers["Cache-Control"] == "no-store"
    url = person.pair.url("auth") + "/login"
    old = api.post(url, auth=(person.name, PASSWORD), timeout=30)
    assert_problem(old, 401, "could not verify")
    assert log_in(person, OTHER).is_live


def test_every_session_ends_and_a_new_one_begins(person: Person) -> None:
    before = [Login(person.pair, person.token, person.refresh_token), log_in(person)]

    told = change(person, OTHER).json()

    fresh = Login(person.pair, told["token"], told["refresh_token"])
    assert fresh.session_id not in {login.session_id for login in before}
    assert fresh.is_live
    assert fresh.successor()
    assert [login.is_live for login in before] == [False, False]
    assert [told_of(person.pair, login.session_id) for login in before] == [1, 1]
    assert_refused(refresh(person.pair, before[1].refresh_token))


@pytest.mark.parametrize(
    "current", ["wrong", "", " ", PASSWORD.upper(), PASSWORD + " ", "a\x00b", "x" * 5000]
)
def test_a_wrong_password_changes_nothing(regular: Person, current: str) -> None:
    assert_problem(change(regular, OTHER, current), 403, "could not verify")

    assert regular.get("/me", "auth").status_code == 200
    assert log_in(regular).is_live


@every(
    "new",
    ["short", "x" * 257, "password123", "{name}", "a\tb and more", " " * 12, "", None, 12345678, True, []],
)
def test_the_rules_of_a_registration_hold(regular: Person, new: object) -> None:
    assert complaints(change(regular, regular.name.upper() if new == "{name}" else new)) == [NEW]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_current_password_is_no_new_one(regular: Person, form: Any) -> None:
    current = "the café is made of paper"

    assert complaints(change(regular, unicodedata.normalize(form, current), current)) == [NEW]


def test_everything_that_is_wrong_is_said_at_once(regular: Person) -> None:
    body = {"new_password": "x", "admin": True}

    answer = regular.request("PUT", "auth", "/me/password?x=1", json=body)

    assert sorted(complaints(answer)) == sorted([CURRENT, NEW, "/admin", "x"])
    assert complaints(change(regular, "short", "short")) == [NEW]


def test_rules_come_before_the_password_and_the_token_before_both(regular: Person) -> None:
    assert complaints(change(regular, "short", "wrong")) == [NEW]
    answer = change(regular, "short", headers={"Authorization": "Basic QW5uOngK"})
    assert_problem(answer, 401, "a valid token is missing")


def test_both_outcomes_are_noted(person: Person, log: Log) -> None:
    for current, event in [("wrong", "password_refused"), (PASSWORD, "password_changed")]:
        headers = {"Authorization": f"Bearer {person.token}", "X-Request-ID": new_id()}

        change(person, OTHER, current, headers=headers)

        (line, _) = log.of(headers["X-Request-ID"])
        assert (line["event"], line["public_id"]) == (event, person.public_id)
    assert OTHER not in log.text

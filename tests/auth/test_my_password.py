"""PUT /me/password: another password for whoever knows the present one, and a session that begins anew."""

import unicodedata
from typing import Any

import pytest

from tests.auth.database import told_of
from tests.auth.logins import assert_refused, granted, log_in, login_of, refresh, try_password
from tests.auth.users import OTHER, change_password
from tests.cases import every, on_sqlite
from tests.common.log_lines import Log, traced
from tests.people import PASSWORD, Person, assert_problem, complaints

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


@pytest.mark.parametrize(
    "current", ["wrong", "", " ", PASSWORD.upper(), PASSWORD + " ", "a\x00b", "x" * 5000]
)
def test_a_wrong_password_changes_nothing(person: Person, current: str) -> None:
    problem = assert_problem(change_password(person, OTHER, current), 403, "could not verify")

    assert problem["detail"] == "wrong password"
    assert login_of(person).is_live
    assert log_in(person).is_live


@on_sqlite
@every(
    "new",
    ["short", "x" * 257, "password123", "{name}", "a\tb and more", " " * 12, "", None, 12345678, True, []],
)
def test_the_rules_of_a_registration_hold(person: Person, new: object) -> None:
    assert complaints(change_password(person, person.name.upper() if new == "{name}" else new)) == [NEW]


@on_sqlite
@every("form", ["NFC", "NFD"])
def test_the_current_password_is_no_new_one(person: Person, form: Any) -> None:
    current = "the café is made of paper"

    assert complaints(change_password(person, unicodedata.normalize(form, current), current)) == [NEW]


@on_sqlite
def test_everything_that_is_wrong_is_said_at_once(person: Person) -> None:
    answer = person.put("/me/password?x=1", {"new_password": "x", "admin": True}, "auth")

    assert sorted(complaints(answer)) == sorted([CURRENT, NEW, "/admin", "x"])
    assert complaints(change_password(person, "short", "short")) == [NEW]


@on_sqlite
def test_rules_come_before_the_password_and_the_token_before_both(person: Person) -> None:
    assert complaints(change_password(person, "short", "wrong")) == [NEW]
    answer = change_password(person, "short", headers={"Authorization": "Basic QW5uOngK"})
    assert_problem(answer, 401, "a valid token is missing")


def test_both_outcomes_are_noted(person: Person, log: Log) -> None:
    for current, event in [("wrong", "password_refused"), (PASSWORD, "password_changed")]:
        headers = traced(person.token)

        change_password(person, OTHER, current, headers=headers)

        (line, _) = log.of(headers["X-Request-ID"])
        assert (line["event"], line["public_id"]) == (event, person.public_id)
    assert OTHER not in log.text

"""POST /register: who may be registered, under what name, and what is answered."""

import uuid
from typing import Any

import pytest
import requests

from tests import api
from tests.cases import every
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, new_name, register

MEMBERS = {"message", "public_id", "token", "token_type", "expires_in"}


def post(pair: Pair, body: Any, **options: Any) -> requests.Response:
    return api.post(pair.url("auth") + "/register", json=body, timeout=30, **options)


def shown_name(pair: Pair, answer: requests.Response) -> str:
    """Return the name of the user just registered, as the service shows it."""
    headers = {"x-access-tokens": answer.json()["token"]}
    name: str = api.get(pair.url("auth") + "/me", headers=headers, timeout=30).json()["name"]
    return name


def test_a_registration_answers_with_the_user_logged_in(pair: Pair, admin: Person) -> None:
    name = new_name()

    answer = post(pair, {"name": name, "password": PASSWORD})

    told = answer.json()
    assert answer.status_code == 201
    assert told.keys() >= MEMBERS
    assert (told["message"], told["token_type"], told["expires_in"]) == (
        "registered successfully",
        "Bearer",
        2700,
    )
    assert uuid.UUID(told["public_id"]).version == 4
    assert answer.headers["Location"] == f"/users/{told['public_id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert admin.get(answer.headers["Location"], "auth").json()["name"] == name


def test_a_registration_does_not_look_at_the_authorization_header(pair: Pair) -> None:
    body = {"name": new_name(), "password": PASSWORD}

    assert post(pair, body, headers={"Authorization": "Bearer nonsense"}).status_code == 201


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        pytest.param("  Ann   Lee {}", "Ann Lee {}", id="spaces"),
        pytest.param("Ame\u0301lie \uff21 {}", "Amélie A {}", id="an accent, and full width"),
        pytest.param("ÀÉ ÖßẞİΣς {}", "ÀÉ ÖßẞİΣς {}", id="the case is kept"),
        pytest.param("李小龍 \U0001f600 {}", "李小龍 \U0001f600 {}", id="beyond the basic plane"),
        pytest.param("'; DROP TABLE users; -- {}", "'; DROP TABLE users; -- {}", id="SQL"),
        pytest.param("<b>&amp;%_\\ {}", "<b>&amp;%_\\ {}", id="markup"),
    ],
)
def test_a_name_is_kept_in_its_normal_form(pair: Pair, sent: str, shown: str) -> None:
    unique = new_name()[-8:]

    answer = post(pair, {"name": sent.format(unique), "password": PASSWORD})

    assert answer.status_code == 201
    assert shown_name(pair, answer) == shown.format(unique)


@pytest.mark.parametrize("character", ["x", "é", "\U0001f600"])
def test_a_name_has_up_to_50_characters(pair: Pair, character: str) -> None:
    name = new_name()[-16:].ljust(50, character)

    assert post(pair, {"name": name, "password": PASSWORD}).status_code == 201
    assert complaints(post(pair, {"name": name + character, "password": PASSWORD})) == ["/name"]


@pytest.mark.parametrize(
    "again", [str, str.upper, str.title, " {} ".format, lambda name: f"\uff21{name[1:-1]}SS"]
)
def test_a_name_is_there_once_in_whatever_spelling(pair: Pair, again: Any) -> None:
    name = f"a{new_name()}ß"
    register(pair, name)

    answer = post(pair, {"name": again(name), "password": "another good password"})

    assert_problem(answer, 409, "name is already taken")


@every("name", ["", "\u3000", "a:b", "a\x00b", "a\u200bb", "\ufdfa" * 4, None, 1, True, 1.5, [], {}])
def test_a_name_that_breaks_a_rule_is_refused(pair: Pair, name: object) -> None:
    assert complaints(post(pair, {"name": name, "password": PASSWORD})) == ["/name"]


@every(
    "password",
    ["", "short12", "password123", "{name}", "x" * 257, "tab\tinside it", None, 12345678, True, [], {}],
)
def test_a_password_that_breaks_a_rule_is_refused_and_not_shown(pair: Pair, password: object) -> None:
    name = new_name()
    sent = name.upper() if password == "{name}" else password

    answer = post(pair, {"name": name, "password": sent})

    assert complaints(answer) == ["/password"]
    assert not isinstance(sent, str) or len(sent) < 4 or sent not in answer.text


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["/name", "/password"]),
        ({"name": "Ann"}, ["/password"]),
        ({"name": "a:b", "password": "x", "admin": True}, ["/admin", "/name", "/password"]),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(pair: Pair, body: object, wrong: list[str]) -> None:
    assert sorted(complaints(post(pair, body))) == wrong


@pytest.mark.parametrize(
    "member", ["admin", "id", "public_id", "disabled", "password_hash", "Name", "folded_name"]
)
def test_a_member_that_is_not_known_makes_no_user(pair: Pair, member: str) -> None:
    name = new_name()

    refused = post(pair, {"name": name, "password": PASSWORD, member: True})

    assert complaints(refused) == [f"/{member}"]
    assert post(pair, {"name": name, "password": PASSWORD}).status_code == 201

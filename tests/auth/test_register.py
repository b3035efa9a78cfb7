"""POST /register: who may be registered, under what name, and what is answered."""

import uuid
from typing import Any

import requests

from tests import api
from tests.auth.logins import granted
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, new_name, register


def post(pair: Pair, body: Any, **options: Any) -> requests.Response:
    return api.post(pair.url("auth") + "/register", json=body, **options)


def test_a_registration_answers_with_the_user_logged_in(pair: Pair, admin: Person) -> None:
    name = new_name()

    unread = {"Authorization": "Bearer nonsense"}
    answer = post(pair, {"name": name, "password": PASSWORD}, headers=unread)

    body = answer.json()
    assert answer.status_code == 201
    assert body["message"] == "registered successfully"
    assert uuid.UUID(body["public_id"]).version == 4
    assert granted(pair, answer).request("GET", "/me").json()["public_id"] == body["public_id"]
    assert answer.headers["Location"] == "/me"
    assert admin.get(f"/users/{body['public_id']}", "auth").json()["name"] == name


@every(
    "sent, shown",
    [
        ("  Ann   Lee {}", "Ann Lee {}"),
        ("Ame\u0301lie \uff21 {}", "Amélie A {}"),
        *((kept, kept) for kept in ("ÀÉ Ößẞİ Σς {}", "李小龍 \U0001f600 {}", "'; DROP TABLE users; -- {}")),
        ("<b>&amp;%_\\ {}", "<b>&amp;%_\\ {}"),
    ],
)
def test_a_name_is_kept_in_its_normal_form(pair: Pair, sent: str, shown: str) -> None:
    unique = new_name()[-8:]

    login = granted(pair, post(pair, {"name": sent.format(unique), "password": PASSWORD}))

    assert login.request("GET", "/me").json()["name"] == shown.format(unique)


@every("character", ["x", "é", "\U0001f600"])
def test_a_name_has_up_to_50_characters(pair: Pair, character: str) -> None:
    name = new_name()[-16:].ljust(50, character)

    assert post(pair, {"name": name, "password": PASSWORD}).status_code == 201
    assert complaints(post(pair, {"name": name + character, "password": PASSWORD})) == ["/name"]


@every("again", [str, str.upper, str.title, " {} ".format, lambda name: f"\uff21{name[1:-1]}SS"])
def test_a_name_is_there_once_in_whatever_spelling(pair: Pair, again: Any) -> None:
    name = f"a{new_name()}ß"
    register(pair, name)

    answer = post(pair, {"name": again(name), "password": "another good password"})

    assert_problem(answer, 409, "name is already taken")


@on_sqlite
@every("name", ["", "\u3000", "a:b", "a\x00b", "a\u200bb", "\ufdfa" * 4, None, 1, True, 1.5, [], {}])
def test_a_name_that_breaks_a_rule_is_refused(pair: Pair, name: object) -> None:
    assert complaints(post(pair, {"name": name, "password": PASSWORD})) == ["/name"]


@on_sqlite
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


@on_sqlite
def test_everything_that_is_wrong_is_said_at_once_and_makes_no_user(pair: Pair) -> None:
    body = {"name": new_name(), "password": PASSWORD}

    assert sorted(complaints(post(pair, {}))) == ["/name", "/password"]
    assert complaints(post(pair, {"name": "Ann"})) == ["/password"]
    assert sorted(complaints(post(pair, {"name": "a:b", "password": "x", "admin": True}))) == [
        *("/admin", "/name", "/password")
    ]
    for member in ("admin", "id", "public_id", "disabled", "password_hash", "Name", "folded_name"):
        assert complaints(post(pair, body | {member: True})) == [f"/{member}"]
    assert post(pair, body).status_code == 201

"""POST /register: who may be registered, under what name, and what is answered."""

import uuid
from typing import Any

import pytest
import requests

from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, new_name, register

MEMBERS = {"message", "public_id", "token", "token_type", "expires_in"}


def post(pair: Pair, body: Any, **options: Any) -> requests.Response:
    return requests.post(pair.url("auth") + "/register", json=body, timeout=30, **options)


def shown_name(pair: Pair, answer: requests.Response) -> str:
    """Return the name of the user just registered, as the service shows it."""
    headers = {"x-access-tokens": answer.json()["token"]}
    name: str = requests.get(pair.url("auth") + "/me", headers=headers, timeout=30).json()["name"]
    return name


def test_a_registration_answers_with_the_user_logged_in(pair: Pair) -> None:
    answer = post(pair, {"name": new_name(), "password": PASSWORD})

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


def test_the_location_of_a_new_user_is_there(pair: Pair, admin: Person) -> None:
    name = new_name()
    made = post(pair, {"name": name, "password": PASSWORD})

    assert admin.get(made.headers["Location"], "auth").json()["name"] == name


@pytest.mark.parametrize(("service", "path"), [("auth", "/me"), ("books", "/books")])
def test_the_token_of_a_registration_is_good_at_once(person: Person, service: str, path: str) -> None:
    assert person.get(path, service).status_code == 200


def test_a_registration_does_not_look_at_the_authorization_header(pair: Pair) -> None:
    body = {"name": new_name(), "password": PASSWORD}

    assert post(pair, body, headers={"Authorization": "Bearer nonsense"}).status_code == 201


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        pytest.param("  {}  ", "{}", id="trimmed"),
        pytest.param("Ann   Lee {}", "Ann Lee {}", id="a run of spaces"),
        pytest.param("Ann\u00a0Lee {}", "Ann Lee {}", id="a no-break space"),
        pytest.param("\uff21nn {}", "Ann {}", id="full width"),
        pytest.param("\ufb01ne {}", "fine {}", id="a ligature"),
        pytest.param("Ame\u0301lie {}", "Amélie {}", id="a combining accent"),
        pytest.param("ÀÉ ÖßẞİΣς {}", "ÀÉ ÖßẞİΣς {}", id="the case is kept"),
        pytest.param("李小龍 {}", "李小龍 {}", id="Chinese"),
        pytest.param("\U0001f600 {}", "\U0001f600 {}", id="beyond the basic plane"),
        pytest.param("O'Neil; DROP TABLE users; -- {}", "O'Neil; DROP TABLE users; -- {}", id="SQL"),
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
    "again", [str, str.upper, str.title, " {} ".format, lambda name: "\uff21" + name[1:]]
)
def test_a_name_is_there_once_in_whatever_spelling(pair: Pair, again: Any) -> None:
    name = "a" + new_name()
    register(pair, name)

    answer = post(pair, {"name": again(name), "password": "another good password"})

    assert_problem(answer, 409, "name is already taken")


@pytest.mark.parametrize(
    ("first", "second"), [("Straße {}", "STRASSE {}"), ("ΣΟΣ {}", "σος {}"), ("ſ{}", "S{}")]
)
def test_names_are_compared_in_folded_form(pair: Pair, first: str, second: str) -> None:
    unique = new_name()[-8:]
    register(pair, first.format(unique))

    answer = post(pair, {"name": second.format(unique), "password": PASSWORD})

    assert_problem(answer, 409, "name is already taken")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u3000",
        "a:b",
        "a\nb",
        "a\tb",
        "a\x00b",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "a\u1680b",
    ]
    + ["a\u200bb", "a\u200db", "a\u202eb", "\ufeffa", "a\ue000b", "a\uffffb", "a\U000e0041b", "a\u0378b"]
    + ["\uff1a", "x" * 51, "\ufdfa" * 4, "\u0301" * 60_000, None, 1, True, 1.5, [], {}, ["Ann"]],
    ids=ascii,
)
def test_a_name_that_breaks_a_rule_is_refused(pair: Pair, name: object) -> None:
    body = {"name": name, "password": PASSWORD}
    if len(str(name)) > 10_000:
        body["name"] = str(name)[:10_000]

    assert complaints(post(pair, body)) == ["/name"]


def test_everything_that_is_wrong_is_said_at_once(pair: Pair) -> None:
    answer = post(pair, {"name": "a:b", "password": "x", "admin": True})

    assert sorted(complaints(answer)) == ["/admin", "/name", "/password"]


@pytest.mark.parametrize(
    ("body", "missing"), [({}, ["/name", "/password"]), ({"name": "Ann"}, ["/password"])]
)
def test_name_and_password_are_needed(pair: Pair, body: object, missing: list[str]) -> None:
    assert complaints(post(pair, body)) == missing


@pytest.mark.parametrize(
    "member", ["admin", "id", "public_id", "disabled", "password_hash", "Name", "folded_name"]
)
def test_a_member_that_is_not_known_makes_no_user(pair: Pair, member: str) -> None:
    name = new_name()

    refused = post(pair, {"name": name, "password": PASSWORD, member: True})

    assert complaints(refused) == [f"/{member}"]
    assert post(pair, {"name": name, "password": PASSWORD}).status_code == 201


def test_nobody_is_born_an_admin(person: Person) -> None:
    assert person.get("/me", "auth").json()["admin"] is False

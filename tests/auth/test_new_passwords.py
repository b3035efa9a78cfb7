"""Passwords at registration: which ones may be chosen, and how a refused one is told."""

import unicodedata
from typing import Any

import pytest
import requests

from tests.pair import Pair
from tests.people import complaints, new_name


def post(pair: Pair, body: Any, **options: Any) -> requests.Response:
    return requests.post(pair.url("auth") + "/register", json=body, timeout=30, **options)


@pytest.mark.parametrize(
    "password",
    ["", "short12", "        ", "\u3000" * 9, "password123", "PASSWORD123", "Qwertyuiop", "x" * 257]
    + [
        "tab\tinside it",
        "line\ninside it",
        "nul\x00inside it",
        "c1\x9finside it",
        "e\u0301" * 7,
        "\u0301" * 9000,
    ]
    + [None, 12345678, True, 1.5, [], {}, ["the moon is made of paper"]],
    ids=ascii,
)
def test_a_password_that_breaks_a_rule_is_refused(pair: Pair, password: object) -> None:
    answer = post(pair, {"name": new_name(), "password": password})

    assert complaints(answer) == ["/password"]
    assert not isinstance(password, str) or len(password) < 4 or password not in answer.text


def test_a_password_is_not_the_name(pair: Pair) -> None:
    name = new_name()

    answer = post(pair, {"name": name, "password": name.upper()})

    assert complaints(answer) == ["/password"]


@pytest.mark.parametrize("character", ["y", "ё", "\U0001f600"])
def test_a_password_has_up_to_256_characters(pair: Pair, character: str) -> None:
    password = ("x" + character) * 128
    name = new_name()

    answer = post(pair, {"name": name, "password": password})

    login = {"name": name, "password": password}
    assert answer.status_code == 201
    assert requests.post(pair.url("auth") + "/login", json=login, timeout=30).status_code == 200


def test_a_password_is_the_same_however_its_accents_are_written(pair: Pair) -> None:
    login = {"name": new_name(), "password": unicodedata.normalize("NFD", "Übergrößenträger")}
    assert post(pair, login).status_code == 201

    login["password"] = unicodedata.normalize("NFC", login["password"])

    assert requests.post(pair.url("auth") + "/login", json=login, timeout=30).status_code == 200

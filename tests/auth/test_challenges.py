"""The challenge of a 401: HTTP Basic, but not where a browser would open a dialog of its own over a page."""

import base64
from typing import Any

import pytest
import requests

from tests import api
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, new_name

BASIC = 'Basic realm="bookstore", charset="UTF-8"'
BEARER = 'Bearer realm="bookstore"'
WRONG = {"name": "Ann", "password": "not the password"}
FETCH, XHR = {"Sec-Fetch-Dest": "empty"}, {"X-Requested-With": "XMLHttpRequest"}
NAVIGATION = {"Sec-Fetch-Dest": "document"}


def challenge(pair: Pair, method: str, path: str, **options: Any) -> str:
    """Return how a refusal says that one should authenticate."""
    refused = api.request(method, pair.url("auth") + path, **options)
    assert_problem(refused, 401, "could not verify")
    return refused.headers["WWW-Authenticate"]


@on_sqlite
@every(
    "options, of_login, of_deletion",
    [
        ({}, BASIC, BASIC),
        ({"auth": ("Ann", "not the password")}, BASIC, BASIC),
        ({"auth": ("Ann", "not the password"), "json": WRONG}, BASIC, BASIC),
        ({"headers": NAVIGATION}, BASIC, BASIC),
        ({"json": WRONG}, BEARER, BASIC),
        ({"auth": ("Ann", "not the password"), "headers": FETCH}, BEARER, BEARER),
        ({"auth": ("Ann", "not the password"), "headers": XHR}, BEARER, BEARER),
        ({"headers": FETCH}, BEARER, BEARER),
    ],
)
def test_a_login_by_a_body_and_what_a_script_asks_are_refused_without_a_dialog(
    pair: Pair, options: dict[str, Any], of_login: str, of_deletion: str
) -> None:
    assert challenge(pair, "POST", "/login", **options) == of_login
    assert challenge(pair, "DELETE", "/me", **options) == of_deletion


def basic(pair: Pair, credentials: bytes) -> requests.Response:
    """Log in with these bytes."""
    headers = {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
    return api.post(pair.url("auth") + "/login", headers=headers)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_basic_credentials_are_utf_8_or_else_latin_1(pair: Pair, encoding: str) -> None:
    name, password = f"Jürgen {new_name()}", "größer als gedacht"
    body = {"name": name, "password": password}
    assert api.post(pair.url("auth") + "/register", json=body).status_code == 201

    assert basic(pair, f"{name}:{password}".encode(encoding)).status_code == 200


def test_latin_1_does_not_hide_a_wrong_password(person: Person) -> None:
    refused = basic(person.pair, f"{person.name}:{PASSWORD}é".encode("latin-1"))

    assert_problem(refused, 401, "could not verify")

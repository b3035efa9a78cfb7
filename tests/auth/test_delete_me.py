"""DELETE /me: whoever shows name and password is erased, and whoever shows less is not."""

import base64
from typing import Any

import pytest
import requests
from sqlalchemy import select

from auth_service.models import Event, PasswordAttempt
from auth_service.throttle.password_waits import key_of
from tests import api
from tests.auth.database import kept, rows
from tests.auth.logins import Login, assert_refused, log_in, refresh
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, register

CHALLENGE = 'Basic realm="bookstore", charset="UTF-8"'


def delete_me(person: Person, path: str = "/me", **options: Any) -> requests.Response:
    """Send the request with the right credentials, unless the options say otherwise."""
    if "headers" not in options:
        options.setdefault("auth", (person.name, PASSWORD))
    return api.delete(person.pair.url("auth") + path, timeout=30, **options)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_a_user_is_erased_with_all_there_is_of_it(person: Person) -> None:
    first, second = Login(person.pair, person.token, person.refresh_token), log_in(person)
    second.successor()

    answer = delete_me(person)

    assert (answer.status_code, answer.content) == (204, b"")
    assert not first.is_live
    assert_refused(refresh(person.pair, second.refresh_token))
    assert kept(person.pair, first.session_id) == kept(person.pair, second.session_id) == (0, 0)
    again = api.post(person.pair.url("auth") + "/login", auth=(person.name, PASSWORD), timeout=30)
    assert_problem(again, 401, "could not verify")
    told = select(Event.type).where(Event.public_id == person.public_id)
    assert rows(person.pair, told) == [("user.deleted",)]


def test_the_name_is_free_and_its_next_user_is_another(person: Person) -> None:
    delete_me(person)

    another = register(person.pair, person.name)

    assert another.public_id != person.public_id
    assert another.get("/me", "auth").json()["public_id"] == another.public_id
    assert_refused(person.get("/me", "auth"))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic !!!!",
        "Bearer {token}",
        "Bearer {basic}",
        "Digest {basic}",
        "Basic {wrong}",
        "Basic {nobody}",
    ],
)
def test_less_than_name_and_password_erases_nobody(regular: Person, authorization: str | None) -> None:
    words = {
        "token": regular.token,
        "basic": basic(regular.name, PASSWORD).partition(" ")[2],
        "wrong": basic(regular.name, "wrong").partition(" ")[2],
        "nobody": basic(f"{regular.name} x", PASSWORD).partition(" ")[2],
    }
    headers = {} if authorization is None else {"Authorization": authorization.format(**words)}
    body = {"name": regular.name, "password": PASSWORD}

    answer = delete_me(regular, headers={**headers, "x-access-tokens": regular.token}, json=body)

    assert_problem(answer, 401, "could not verify")
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    assert regular.get("/me", "auth").status_code == 200


@pytest.mark.parametrize("authorization", [None, "Basic !!!!", "Bearer {token}"])
def test_without_credentials_a_query_is_not_looked_at(regular: Person, authorization: str | None) -> None:
    headers = {"Authorization": authorization.format(token=regular.token)} if authorization else {}

    assert_problem(delete_me(regular, "/me?x=1", headers=headers), 401, "could not verify")


def test_a_query_is_refused_before_a_password_is_compared_or_counted(person: Person) -> None:
    for password in ["wrong"] * 7 + [PASSWORD]:
        assert complaints(delete_me(person, "/me?x=1", auth=(person.name, password))) == ["x"]

    attempts = select(PasswordAttempt.id).where(PasswordAttempt.name_key == key_of(person.name))
    assert rows(person.pair, attempts) == []
    assert delete_me(person).status_code == 204


def test_a_query_is_refused_before_a_wait(person: Person) -> None:
    answers = [delete_me(person, auth=(person.name, "wrong")).status_code for _ in range(6)]

    assert answers == [401] * 5 + [429]
    assert complaints(delete_me(person, "/me?x=1")) == ["x"]


def test_a_disabled_user_cannot_leave(pair: Pair, admin: Person) -> None:
    person = register(pair)
    admin.request("PATCH", "auth", f"/users/{person.public_id}", json={"disabled": True})

    assert_problem(delete_me(person), 401, "could not verify")

    assert admin.get(f"/users/{person.public_id}", "auth").status_code == 200

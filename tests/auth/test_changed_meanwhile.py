"""What changes while a password is hashed counts: nobody acts by rights, or for a user, that are gone."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from auth_service.models import KnownNetwork, User
from auth_service.throttle.password_waits import key_of
from tests.auth.database import rows
from tests.auth.hashers import while_hashing
from tests.auth.logins import log_in, log_out
from tests.pair import Pair
from tests.people import PASSWORD, Person, register

OTHER = "a cheese of another colour"


@pytest.fixture
def deputy(pair: Pair, admin: Person) -> Person:
    """Return an admin beside another one."""
    person = register(pair)
    patch(admin, person, {"admin": True})
    return person


def give_password(app: Flask, by: Person, person: Person) -> TestResponse:
    """Give somebody another password."""
    headers = {"Authorization": f"Bearer {by.token}"}
    return app.test_client().patch(f"/users/{person.public_id}", json={"password": OTHER}, headers=headers)


def patch(admin: Person, person: Person, members: dict[str, bool]) -> None:
    answer = admin.request("PATCH", "auth", f"/users/{person.public_id}", json=members)
    assert answer.status_code == 200, answer.text


def delete(admin: Person, person: Person) -> None:
    assert admin.delete(f"/users/{person.public_id}", "auth").status_code == 204


LOSSES: dict[str, tuple[Callable[[Person, Person], object], int, str]] = {
    "demoted": (
        lambda admin, deputy: patch(admin, deputy, {"admin": False}),
        403,
        "only an admin may do this",
    ),
    "disabled": (lambda admin, deputy: patch(admin, deputy, {"disabled": True}), 401, "token is invalid"),
    "deleted": (delete, 401, "token is invalid"),
    "logged out": (
        lambda _, deputy: log_out(deputy.pair, deputy.refresh_token),
        401,
        "token is invalid",
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_an_admin_whose_rights_are_gone_changes_nothing(
    app: Flask, admin: Person, deputy: Person, loss: str
) -> None:
    person = register(admin.pair)
    lose, status, message = LOSSES[loss]
    while_hashing(app, lambda: lose(admin, deputy))

    answer = give_password(app, deputy, person)

    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert (answer.json or {})["message"] == message
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert person.get("/me", "auth").status_code == 200
    assert log_in(person).is_live


def test_an_admin_may_give_itself_another_password(app: Flask, deputy: Person) -> None:
    assert give_password(app, deputy, deputy).status_code == 200

    assert deputy.get("/me", "auth").status_code == 401
    assert log_in(deputy, OTHER).is_live


@pytest.mark.parametrize("method", ["delete", "put", "post"])
def test_nothing_stays_behind_of_a_user_who_is_deleted_while_its_password_is_checked(
    app: Flask, admin: Person, method: str
) -> None:
    person, client = register(admin.pair), app.test_client()
    while_hashing(app, lambda: delete(admin, person))

    if method == "put":
        body = {"current_password": PASSWORD, "new_password": OTHER}
        headers = {"Authorization": f"Bearer {person.token}"}
        answer = client.put("/me/password", json=body, headers=headers)
    else:
        path = "/me" if method == "delete" else "/login"
        answer = client.open(path, method=method.upper(), auth=(person.name, PASSWORD))

    assert answer.status_code == (403 if method == "put" else 401)
    of_name = KnownNetwork.name_key == key_of(person.name)
    assert rows(person.pair, select(KnownNetwork.network).where(of_name)) == []
    assert rows(person.pair, select(User.id).where(User.public_id == person.public_id)) == []

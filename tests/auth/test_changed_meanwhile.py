"""What changes while a password is hashed counts: nobody acts by rights, or for a user, that are gone."""

from collections.abc import Callable

import pytest
import requests
from flask import Flask

from auth_service.models import KnownNetwork, User
from auth_service.throttle.pairs import key_of
from tests.auth.database import count
from tests.auth.hashers import while_hashing
from tests.auth.logins import log_in, log_out, login_of, try_password
from tests.auth.users import OTHER, change_password, change_user, delete_me, delete_user
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, new_name, register

GONE = (401, "token is invalid")
LOSSES: dict[str, tuple[Callable[[Person, Person], requests.Response], tuple[int, str]]] = {
    "demoted": (
        lambda admin, deputy: change_user(admin, deputy, admin=False),
        (403, "only an admin may do this"),
    ),
    "disabled": (lambda admin, deputy: change_user(admin, deputy, disabled=True), GONE),
    "deleted": (delete_user, GONE),
    "logged out": (lambda _, deputy: log_out(deputy.pair, deputy.refresh_token), GONE),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_an_admin_whose_rights_are_gone_makes_and_changes_nobody(
    pair: Pair, app: Flask, admin: Person, person: Person, loss: str
) -> None:
    lose, (status, message) = LOSSES[loss]
    made = {"name": new_name(), "password": PASSWORD}

    def answer_to(act: Callable[[Person], requests.Response]) -> requests.Response:
        deputy = register(pair)
        assert change_user(admin, deputy, admin=True).status_code == 200
        with while_hashing(app, lambda: lose(admin, deputy)):
            return act(deputy)

    for answer in (
        answer_to(lambda deputy: change_user(deputy, person, password=OTHER)),
        answer_to(lambda deputy: deputy.post("/users", made, "auth")),
    ):
        assert_problem(answer, status, message)
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert login_of(person).is_live
    assert log_in(person).is_live
    assert count(pair, User.name == made["name"]) == 0


@pytest.mark.parametrize(
    ("use", "status"),
    [
        (delete_me, 401),
        (lambda person: change_password(person, OTHER), 403),
        (lambda person: try_password(person.pair, person.name), 401),
    ],
)
def test_nothing_stays_behind_of_a_user_who_is_deleted_while_its_password_is_checked(
    app: Flask,
    admin: Person,
    person: Person,
    use: Callable[[Person], requests.Response],
    status: int,
) -> None:
    with while_hashing(app, lambda: delete_user(admin, person)):
        answer = use(person)

    assert answer.status_code == status
    assert count(person.pair, KnownNetwork.name_key == key_of(person.name)) == 0
    assert count(person.pair, User.public_id == person.public_id) == 0

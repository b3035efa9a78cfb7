"""DELETE /me: whoever shows name and password is erased, and whoever shows less is not."""

from base64 import b64encode

import requests

from auth_service.models import PasswordAttempt
from auth_service.throttle.pairs import key_of
from tests.auth.database import count, kept, told_of_user
from tests.auth.logins import CHALLENGE, assert_refused, log_in, login_of, refresh, try_password
from tests.auth.users import change_user, delete_me
from tests.cases import every
from tests.people import PASSWORD, Person, assert_problem, complaints, register


def basic(name: str, password: str = PASSWORD) -> str:
    return b64encode(f"{name}:{password}".encode()).decode()


def test_a_user_is_erased_with_all_there_is_of_it(person: Person) -> None:
    first, second = login_of(person), log_in(person)
    second.successor()

    answer = delete_me(person)

    assert (answer.status_code, answer.content) == (204, b"")
    assert not first.is_live
    assert_refused(refresh(person.pair, second.refresh_token))
    assert kept(person.pair, first.session_id, second.session_id) == 0
    assert_problem(try_password(person.pair, person.name), 401, "could not verify")
    assert told_of_user(person) == [("user.deleted",)]


def test_the_name_is_free_and_its_next_user_is_another(person: Person) -> None:
    delete_me(person)

    another = register(person.pair, person.name)

    assert another.public_id != person.public_id
    assert another.get("/me", "auth").json()["public_id"] == another.public_id
    assert_refused(person.get("/me", "auth"), "token-revoked")


@every("path", ["/me", "/me?x=1"])
@every("scheme", ["", "Basic", "Basic !!!!", "Bearer {token}", "Bearer {right}", "Digest {right}"])
def test_without_credentials_nobody_is_erased(person: Person, path: str, scheme: str) -> None:
    authorization = scheme.format(token=person.token, right=basic(person.name))

    assert_not_erased(person, delete_me(person, path, headers={"Authorization": authorization}))


def test_less_than_name_and_password_erases_nobody(person: Person) -> None:
    token, body = {"x-access-tokens": person.token}, {"name": person.name, "password": PASSWORD}

    assert_not_erased(person, delete_me(person, headers=token, json=body))
    for wrong in (basic(person.name, "wrong"), basic(f"{person.name} x")):
        headers = token | {"Authorization": f"Basic {wrong}"}
        assert_not_erased(person, delete_me(person, headers=headers, json=body))


def assert_not_erased(person: Person, answer: requests.Response) -> None:
    assert_problem(answer, 401, "could not verify")
    assert answer.headers["WWW-Authenticate"] == CHALLENGE
    assert login_of(person).is_live


def test_a_query_is_refused_before_a_password_is_compared_or_counted(person: Person) -> None:
    for password in ["wrong"] * 7 + [PASSWORD]:
        assert complaints(delete_me(person, "/me?x=1", auth=(person.name, password))) == ["x"]
    assert count(person.pair, PasswordAttempt.name_key == key_of(person.name)) == 0

    answers = [delete_me(person, auth=(person.name, f"wrong {each}")).status_code for each in range(6)]

    assert answers == [401] * 5 + [429]
    assert complaints(delete_me(person, "/me?x=1")) == ["x"]


def test_a_disabled_user_cannot_leave(person: Person, admin: Person) -> None:
    change_user(admin, person, disabled=True)

    assert_problem(delete_me(person), 401, "could not verify")

    assert admin.get(f"/users/{person.public_id}", "auth").status_code == 200

"""GET /me, GET /users and GET /users/<public_id>: what may be seen, and by whom."""

import re
import time
import uuid

import pytest

from common.tokens.access import issue
from common.tokens.keys import read_keys
from tests import api
from tests.auth.logins import assert_refused
from tests.cases import every
from tests.feed.ends import session_of
from tests.pair import Pair
from tests.people import Person, assert_problem

USER = {"public_id", "name", "admin", "disabled", "created_at", "last_login_at"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NOBODY = "00000000-0000-4000-8000-000000000000"
GUARDED = ["GET /me", "PUT /me/password", "GET /sessions", "DELETE /sessions", f"DELETE /sessions/{NOBODY}"]
GUARDED += ["GET /users", *(f"{method} /users/{NOBODY}" for method in ("GET", "PATCH", "DELETE"))]


def forge(pair: Pair, *, public_id: str, session_id: str) -> str:
    """Return a token that the service itself could have signed."""
    key = read_keys(pair.folder / "keys.json").signing
    return issue(key, public_id=public_id, session_id=session_id, now=time.time())


def test_me_is_the_user_of_the_token(person: Person) -> None:
    answer = person.get("/me", "auth")

    user = answer.json()
    assert answer.status_code == 200
    assert user.keys() == USER
    assert (user["public_id"], user["name"]) == (person.public_id, person.name)
    assert (user["admin"], user["disabled"]) == (False, False)
    assert TIME.fullmatch(user["created_at"])
    assert answer.headers["Cache-Control"] == "no-store"


@every("route", GUARDED)
def test_without_a_token_nothing_is_seen_or_changed(pair: Pair, route: str) -> None:
    method, path = route.split()

    answer = api.request(method, f"{pair.url('auth')}{path}?x=1", timeout=30)

    assert_problem(answer, 401, "a valid token is missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="bookstore"'


def test_a_session_that_nobody_opened_is_refused_by_auth_alone(pair: Pair, person: Person) -> None:
    person.token = forge(pair, public_id=person.public_id, session_id=str(uuid.uuid4()))

    assert_refused(person.get("/me", "auth"))
    assert person.get("/books").status_code == 200


def test_a_session_is_good_for_its_own_user_alone(pair: Pair, person: Person, admin: Person) -> None:
    person.token = forge(pair, public_id=admin.public_id, session_id=session_of(person))

    assert_refused(person.get("/users", "auth"))


def test_a_user_that_does_not_exist_is_refused(pair: Pair, person: Person) -> None:
    person.token = forge(pair, public_id=str(uuid.uuid4()), session_id=session_of(person))

    assert_refused(person.get("/me", "auth"))


@pytest.mark.parametrize("path", ["/users", "/users?limit=0", f"/users/{NOBODY}"])
def test_users_are_for_admins(person: Person, path: str) -> None:
    assert_problem(person.get(path, "auth"), 403, "only an admin may do this")


def test_a_user_is_shown_to_an_admin(admin: Person, person: Person) -> None:
    answer = admin.get(f"/users/{person.public_id}", "auth")

    assert answer.json() == person.get("/me", "auth").json()
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/{}/", "/{}0", "//{}", "/%20{}", "/{}%0a", "/1", "/%00", "/me", "/"])
def test_a_user_has_one_address(admin: Person, person: Person, path: str) -> None:
    assert_problem(admin.get(f"/users{path.format(person.public_id)}", "auth"), 404)


def test_a_user_that_does_not_exist_is_404(admin: Person, person: Person) -> None:
    assert_problem(admin.get(f"/users/{uuid.uuid4()}", "auth"), 404, "user does not exist")
    assert_problem(admin.get(f"/users/{person.public_id.upper()}", "auth"), 404)

"""/users and /users/<public_id>: how admins see, make, change and delete users."""

from typing import Any

import pytest
import requests
from sqlalchemy import select

from auth_service.models import Registration
from tests import api
from tests.auth.database import rows, told_of
from tests.auth.hashers import no_core
from tests.auth.logins import assert_refused, login_of, refresh, try_password
from tests.auth.users import MEMBERS, NOBODY, OTHER, change_user, delete_user
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import PASSWORD, Person, assert_problem, complaints, new_name, register

FORBIDDEN = (403, "only an admin may do this")
WRONG: dict[str, list[object]] = {
    "admin": [1, "true", None],
    "disabled": [0.0, []],
    "password": ["short", None],
    "name": ["Ann"],
}


def login_status(person: Person, password: str = PASSWORD) -> int:
    return try_password(person.pair, person.name, password).status_code


def test_users_are_for_admins(person: Person, admin: Person) -> None:
    for path in ("/users", "/users?limit=0"):
        assert_problem(person.get(path, "auth"), *FORBIDDEN)
    for sent in (b'{"name": 1}', b"not JSON", b"x" * 70_000):
        assert_problem(person.request("POST", "auth", "/users", data=sent), *FORBIDDEN)
    for method in ("GET", "PATCH", "DELETE"):
        for public_id in (person.public_id, admin.public_id, NOBODY):
            answer = person.request(method, "auth", f"/users/{public_id}?x=1", data=b"x")
            assert_problem(answer, *FORBIDDEN)


@on_sqlite
@every("path", ["/{}/", "/{}0", "//{}", "/%20{}", "/{}%0a", "/1", "/%00", "/me", "/"])
def test_a_user_has_one_address(admin: Person, person: Person, path: str) -> None:
    assert_problem(admin.get(f"/users{path.format(person.public_id)}", "auth"), 404)
    assert_problem(admin.get(f"/users/{person.public_id.upper()}", "auth"), 404)


def all_pages(admin: Person, **query: Any) -> list[list[dict[str, Any]]]:
    """Return the pages of users, following `next` to the end."""
    pages: list[list[dict[str, Any]]] = []
    cursor = None
    while cursor or not pages:
        page = admin.get("/users", "auth", params=query | ({"cursor": cursor} if cursor else {})).json()
        assert page.keys() == {"users", "next"}
        pages.append(page["users"])
        cursor = page["next"]
    return pages


def test_pages_show_every_user_once_in_order(pair: Pair, admin: Person) -> None:
    prefix = new_name()
    made = [register(pair, f"{prefix} {number}").public_id for number in range(5)]

    pages = all_pages(admin, name=prefix, limit=2)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [user["public_id"] for page in pages for user in page] == made
    assert all(user.keys() == MEMBERS for page in pages for user in page)
    assert all_pages(admin, name=f"{prefix} nobody") == [[]]
    for sign in ["%", "_", "%25", "\\", "'", "*", "zzz%"]:
        names = [user["name"] for page in all_pages(admin, name=sign) for user in page]
        assert all(each.startswith(sign) for each in names)


@every(
    "name, start",
    [("Zoë {}", "zOË {}"), ("{} Straße", "{} STRASS"), ("100% {}", "100% {}"), ("a_b\\c/ {}", "A_B\\C/ {}")],
)
def test_users_are_found_by_the_start_of_a_name(pair: Pair, admin: Person, name: str, start: str) -> None:
    unique = new_name()[-10:]
    person = register(pair, name.format(unique))

    (page,) = all_pages(admin, name=start.format(unique))

    assert [user["public_id"] for user in page] == [person.public_id]


@on_sqlite
@pytest.mark.usefixtures("person")  # so that there is a second page
def test_a_query_that_breaks_a_rule_or_has_the_cursor_of_another_list_is_refused(admin: Person) -> None:
    cursor = admin.get("/users", "auth", params={"limit": 1}).json()["next"]
    wrong = {"limit": "0", "page": "1", "name": "\0"}

    for query, names in ((wrong, ["limit", "name", "page"]), ({"cursor": cursor, "name": "a"}, ["cursor"])):
        assert sorted(complaints(admin.get("/users", "auth", params=query))) == names
    assert admin.get("/users", "auth", params={"cursor": cursor, "limit": 3}).status_code == 200


def test_a_user_becomes_an_admin_and_is_one_no_more(admin: Person, person: Person) -> None:
    seen = []
    for is_admin in (True, True, False, False):
        answer = change_user(admin, person, admin=is_admin)
        assert answer.status_code == 200
        assert answer.json() == admin.get(f"/users/{person.public_id}", "auth").json()
        seen.append((answer.json()["admin"], person.get("/users", "auth").status_code))

    assert seen == [(True, 200), (True, 200), (False, 403), (False, 403)]


def test_a_disabled_user_is_logged_out_and_stays_out_until_enabled(admin: Person, person: Person) -> None:
    login = login_of(person)

    for disabled, status in ((True, 401), (False, 200)):
        assert change_user(admin, person, disabled=disabled).json()["disabled"] is disabled
        assert not login.is_live
        assert_refused(refresh(person.pair, login.refresh_token))
        assert login_status(person) == status

    assert told_of(person.pair, login.session_id) == 1


def test_another_password_logs_out(admin: Person, person: Person) -> None:
    user = change_user(admin, person, admin=True, disabled=False, password=OTHER).json()

    assert (user["admin"], user["disabled"]) == (True, False)
    assert not login_of(person).is_live
    assert (login_status(person), login_status(person, OTHER)) == (401, 200)


@on_sqlite
def test_what_breaks_a_rule_changes_and_makes_nobody(admin: Person, person: Person) -> None:
    for member, values in WRONG.items():
        for value in values:
            assert complaints(change_user(admin, person, **{member: value})) == [f"/{member}"]
    several = change_user(admin, person, admin=1, disabled=1, password="x")
    assert sorted(complaints(several)) == ["/admin", "/disabled", "/password"]
    assert complaints(change_user(admin, person, password=person.name.title())) == ["/password"]

    body = {"name": "a:b", "password": "short", "disabled": True, "admin": 1}
    assert sorted(complaints(post(admin, body))) == ["/admin", "/disabled", "/name", "/password"]
    assert complaints(post(admin, new_user(name=OTHER, password=OTHER.upper()))) == ["/password"]
    assert login_of(person).is_live


def test_what_changes_nothing_logs_nobody_out(admin: Person, person: Person) -> None:
    before = person.get("/me", "auth").json()

    for nothing in ({}, {"disabled": False}, {"admin": False}):
        assert change_user(admin, person, **nothing).json() == before

    assert person.get("/me", "auth").json() == before


def test_a_user_who_is_erased_is_not_there(admin: Person, person: Person) -> None:
    answer = delete_user(admin, person)

    assert (answer.status_code, answer.content) == (204, b"")
    assert not login_of(person).is_live
    again = [change_user(admin, person, **change) for change in ({}, {"admin": True}, {"password": OTHER})]
    again += [admin.get(f"/users/{person.public_id}", "auth"), delete_user(admin, person)]
    for each in again:
        assert_problem(each, 404, "user does not exist")


@pytest.fixture
def closed(pair: Pair) -> Pair:
    """Return the pair with registration closed."""
    return pair.variant(REGISTRATION="closed")


def new_user(**members: Any) -> dict[str, Any]:
    return {"name": new_name(), "password": PASSWORD} | members


def post(admin: Person, body: Any) -> requests.Response:
    return admin.post("/users", body, "auth")


@on_sqlite
@every("options", [{"json": new_user()}, {"json": {"name": 1}}, {"data": b"x" * 70_000}])
def test_closed_registration_refuses_whatever_the_body(closed: Pair, options: dict[str, Any]) -> None:
    refused = api.post(closed.url("auth") + "/register", **options)

    assert_problem(refused, 403, "registration is closed")


def test_an_admin_makes_a_user_who_can_log_in(closed: Pair, admin: Person) -> None:
    body = new_user()
    registered = rows(admin.pair, select(Registration.id))

    headers = {"Authorization": f"Bearer {admin.token}"}
    answer = api.post(closed.url("auth") + "/users", json=body, headers=headers)

    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/users/{made['public_id']}"
    assert made == admin.get(answer.headers["Location"], "auth").json()
    assert (made["name"], made["admin"], made["disabled"]) == (body["name"], False, False)
    assert try_password(closed, body["name"]).status_code == 200
    assert rows(admin.pair, select(Registration.id)) == registered
    assert [post(admin, new_user(admin=role)).json()["admin"] for role in (True, False)] == [True, False]


@on_sqlite
def test_a_name_that_is_taken_is_refused_without_a_hash(admin: Person, person: Person) -> None:
    with no_core(admin.pair.apps["auth"]):
        assert_problem(post(admin, new_user(name=person.name.upper())), 409, "name is already taken")
        assert_problem(post(admin, new_user()), 503)

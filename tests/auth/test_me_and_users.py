"""GET /me, GET /users and GET /users/<public_id>: what may be seen, and by whom, and users in pages."""

import time
import uuid
from typing import Any

from common.tokens.access import issue
from common.tokens.keys import read_keys
from tests.auth.logins import Login, assert_refused
from tests.auth.users import MEMBERS, NOBODY, TIME
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, assert_problem, complaints, new_name, register


def forge(pair: Pair, *, public_id: str, session_id: str) -> str:
    """Return a token that the service itself could have signed."""
    key = read_keys(pair.folder / "keys.json").signing
    return issue(key, public_id=public_id, session_id=session_id, now=time.time())


def test_a_user_is_shown_to_itself_and_to_an_admin(admin: Person, person: Person) -> None:
    answers = [person.get("/me", "auth"), admin.get(f"/users/{person.public_id}", "auth")]

    user = answers[0].json()
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, user)] * 2
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert user.keys() == MEMBERS
    assert (user["public_id"], user["name"]) == (person.public_id, person.name)
    assert (user["admin"], user["disabled"]) == (False, False)
    assert TIME.fullmatch(user["created_at"])


def test_a_session_that_nobody_opened_is_refused_by_auth_alone(pair: Pair, person: Person) -> None:
    person.token = forge(pair, public_id=person.public_id, session_id=str(uuid.uuid4()))

    assert_refused(person.get("/me", "auth"), "token-revoked")
    assert person.get("/books").status_code == 200


def test_a_session_is_good_for_its_own_user_alone(pair: Pair, admin: Person, login: Login) -> None:
    for public_id in (admin.public_id, str(uuid.uuid4())):
        login.token = forge(pair, public_id=public_id, session_id=login.session_id)

        assert_refused(login.request("GET", "/me"), "token-revoked")


def test_users_are_for_admins(person: Person, admin: Person) -> None:
    for path in ("/users", "/users?limit=0"):
        assert_problem(person.get(path, "auth"), 403, "only an admin may do this")
    for sent in (b'{"name": 1}', b"not JSON", b"x" * 70_000):
        assert_problem(person.request("POST", "auth", "/users", data=sent), 403, "only an admin may do this")
    for method in ("GET", "PATCH", "DELETE"):
        for public_id in (person.public_id, admin.public_id, NOBODY):
            answer = person.request(method, "auth", f"/users/{public_id}?x=1", data=b"x")
            assert_problem(answer, 403, "only an admin may do this")


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
def test_users_are_found_by_the_start_of_their_name_in_any_case(
    pair: Pair, admin: Person, name: str, start: str
) -> None:
    unique = new_name()[-10:]
    person = register(pair, name.format(unique))
    register(pair)

    (page,) = all_pages(admin, name=start.format(unique))

    assert [user["public_id"] for user in page] == [person.public_id]


@on_sqlite
@every(
    "query, wrong",
    [
        (f"limit={value}", ["limit"])
        for value in ("0", "201", "-1", "+1", "01", "1.0", "x", "%D9%A1", "9" * 30)
    ]
    + [(f"cursor={value}", ["cursor"]) for value in ("x", "AAAA", "%00", "%ff", "é", "A" * 3000, "a=b")]
    + [("name=%00", ["name"]), ("name=a%0Ab", ["name"]), ("page=1", ["page"]), ("Limit=1", ["Limit"])]
    + [("limit=1&limit=2", ["limit"]), ("limit=0&page=1&name=%00", ["limit", "name", "page"])],
)
def test_a_query_that_breaks_a_rule_is_refused(admin: Person, query: str, wrong: list[str]) -> None:
    assert sorted(complaints(admin.get(f"/users?{query}", "auth"))) == wrong


@on_sqlite
def test_a_cursor_is_good_for_its_own_list_alone(pair: Pair, admin: Person) -> None:
    register(pair)
    for _ in range(2):
        admin.add_book()
    cursor = admin.get("/users", "auth", params={"limit": 1}).json()["next"]
    of_books = admin.get("/books", params={"limit": 1}).json()["next"]

    for query in ({"cursor": cursor, "name": "a"}, {"cursor": of_books}, {"cursor": cursor[:-1]}):
        assert complaints(admin.get("/users", "auth", params=query)) == ["cursor"]
    assert admin.get("/users", "auth", params={"cursor": cursor, "limit": 3}).status_code == 200

"""GET /users in pages: every user once, found by the start of a name, and a cursor for one list alone."""

from typing import Any

import pytest

from tests.cases import every
from tests.pair import Pair
from tests.people import Person, complaints, new_name, register

USER = {"public_id", "name", "admin", "disabled", "created_at", "last_login_at"}


def all_pages(admin: Person, **query: Any) -> list[list[dict[str, Any]]]:
    """Return the pages of users, following `next` to the end."""
    pages, cursor = [], None
    while True:
        page = admin.get("/users", "auth", params=query | ({"cursor": cursor} if cursor else {})).json()
        assert page.keys() == {"users", "next"}
        pages.append(page["users"])
        cursor = page["next"]
        if cursor is None:
            return pages


def test_pages_show_every_user_once_in_order(pair: Pair, admin: Person) -> None:
    prefix = new_name()
    made = [register(pair, f"{prefix} {number}").public_id for number in range(5)]

    pages = all_pages(admin, name=prefix, limit=2)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [user["public_id"] for page in pages for user in page] == made
    assert all(user.keys() == USER for page in pages for user in page)
    assert all_pages(admin, name=f"{prefix} nobody") == [[]]


@pytest.mark.parametrize(
    ("name", "start"),
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


@pytest.mark.parametrize("start", ["%", "_", "%25", "\\", "'", "*", "zzz%"])
def test_signs_of_sql_in_a_name_are_plain_characters(admin: Person, start: str) -> None:
    names = [user["name"] for page in all_pages(admin, name=start) for user in page]

    assert all(name.startswith(start) for name in names)


@every(
    "query, wrong",
    [
        (f"limit={value}", ["limit"])
        for value in ("0", "201", "-1", "+1", "01", "1.0", "x", "", "%D9%A1", "9" * 30)
    ]
    + [(f"cursor={value}", ["cursor"]) for value in ("", "x", "AAAA", "%00", "%ff", "é", "A" * 3000, "a=b")]
    + [("name=%00", ["name"]), ("name=a%0Ab", ["name"]), ("page=1", ["page"]), ("Limit=1", ["Limit"])]
    + [("limit=1&limit=2", ["limit"]), ("limit=0&page=1&name=%00", ["limit", "name", "page"])],
)
def test_a_query_that_breaks_a_rule_is_refused(admin: Person, query: str, wrong: list[str]) -> None:
    assert sorted(complaints(admin.get(f"/users?{query}", "auth"))) == wrong


def test_a_cursor_is_good_for_its_own_list_alone(pair: Pair, admin: Person) -> None:
    register(pair)
    for _ in range(2):
        admin.add_book()
    cursor = admin.get("/users", "auth", params={"limit": 1}).json()["next"]
    of_books = admin.get("/books", params={"limit": 1}).json()["next"]

    for query in ({"cursor": cursor, "name": "a"}, {"cursor": of_books}, {"cursor": cursor[:-1]}):
        assert complaints(admin.get("/users", "auth", params=query)) == ["cursor"]
    assert admin.get("/users", "auth", params={"cursor": cursor, "limit": 3}).status_code == 200

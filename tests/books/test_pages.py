"""GET /books in pages: every book once, and a cursor that is good for its own shelf alone."""

from typing import Any

import pytest

from tests.pair import Pair
from tests.people import Person, book, complaints, register


def pages(person: Person, **query: Any) -> list[list[int]]:
    """Return the ids of the books, a list a page, following `next` to the end."""
    found, cursor = [], None
    while True:
        answer = person.get("/books", params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        found.append([book["id"] for book in answer.json()["list_of_books"]])
        cursor = answer.json()["next"]
        if cursor is None:
            return found


@pytest.mark.parametrize(
    ("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (200, [5])]
)
def test_pages_show_every_book_once_in_order(person: Person, limit: int, sizes: list[int]) -> None:
    made = [person.add_book()["id"] for _ in range(5)]

    found = pages(person, limit=limit)

    assert [len(page) for page in found] == sizes
    assert [number for page in found for number in page] == made


def test_a_page_has_50_books_if_nobody_says_how_many(person: Person) -> None:
    for _ in range(51):
        person.add_book()

    assert [len(page) for page in pages(person)] == [50, 1]


def test_the_link_leads_to_the_page_behind(person: Person) -> None:
    made = [person.add_book() for _ in range(3)]

    first = person.get("/books", params={"limit": 2})
    second = person.get(first.links["next"]["url"])

    assert second.json() == {"list_of_books": made[2:], "next": None}
    assert "Link" not in second.headers


def test_a_change_between_two_pages_moves_no_other_book(person: Person) -> None:
    made = [person.add_book()["id"] for _ in range(4)]
    cursor = person.get("/books", params={"limit": 2}).json()["next"]

    for number in made[:2]:
        person.delete(f"/books/{number}")
    made.append(person.add_book()["id"])

    rest = person.get("/books", params={"cursor": cursor}).json()["list_of_books"]
    assert [each["id"] for each in rest] == made[2:]


def test_a_cursor_is_good_with_another_limit(person: Person) -> None:
    for _ in range(3):
        person.add_book()
    cursor = person.get("/books", params={"limit": 1}).json()["next"]

    assert len(person.get("/books", params={"limit": 200, "cursor": cursor}).json()["list_of_books"]) == 2


def test_a_cursor_of_somebody_else_is_refused(pair: Pair, person: Person) -> None:
    other = register(pair)
    for _ in range(2):
        other.add_book()
    cursor = other.get("/books", params={"limit": 1}).json()["next"]

    assert complaints(person.get("/books", params={"cursor": cursor})) == ["cursor"]


def test_a_cursor_tells_nothing_and_cannot_be_changed(person: Person) -> None:
    for _ in range(2):
        person.add_book()
    cursor = person.get("/books", params={"limit": 1}).json()["next"]

    changed = [
        cursor[:-1],
        cursor + "A",
        cursor[1:],
        cursor.swapcase(),
        cursor + "=",
        f" {cursor}",
        cursor * 2,
    ]
    changed += [
        cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :] for place in range(20)
    ]
    for each in changed:
        assert complaints(person.get("/books", params={"cursor": each})) == ["cursor"], each


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        (f"limit={value}", ["limit"])
        for value in ("0", "201", "-1", "%2B1", "01", "1.0", "1e1", "x", "", "+1", "1+")
    ]
    + [
        (f"limit={value}", ["limit"])
        for value in ("%D9%A1", "1%00", "9" * 30, "true", "null", "%ff", "1,2", "1_0")
    ]
    + [
        (f"cursor={value}", ["cursor"])
        for value in ("", "x", "AAAA", "%00", "%ff", "%ED%A0%80", "A" * 3000, "a=b")
    ]
    + [
        ("Limit=1", ["Limit"]),
        ("page=2", ["page"]),
        ("offset=1", ["offset"]),
        ("=1", [""]),
        ("x", ["x"]),
        ("%00", ["\0"]),
    ]
    + [
        ("limit[]=1", ["limit[]"]),
        ("token=x", ["token"]),
        ("limit=1&limit=1", ["limit"]),
        ("limit=1;x=1", ["limit"]),
    ]
    + [("cursor=x&limit=0&page=1", ["limit", "page"]), ("_schema=1", ["_schema"])],
    ids=lambda value: ascii(value)[:40],
)
def test_a_query_that_breaks_a_rule_is_refused(person: Person, query: str, wrong: list[str]) -> None:
    found = complaints(person.get(f"/books?{query}"))

    assert sorted(name for name in found if name != "cursor" or wrong == ["cursor"]) == wrong


@pytest.mark.parametrize("query", ["?", "?&", "?&&", "?limit=50&"])
def test_a_query_without_a_parameter_is_none(person: Person, query: str) -> None:
    assert person.get(f"/books{query}").status_code == 200


@pytest.mark.parametrize("path", ["/book", "/books"])
def test_a_new_book_has_no_query(person: Person, path: str) -> None:
    answer = person.post(f"{path}?limit=1&dry_run=1", book(price=1))

    assert sorted(complaints(answer)) == ["/price", "dry_run", "limit"]

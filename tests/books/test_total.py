"""GET /books tells how many books are on the shelf, unless the query looks for some of them."""

from typing import Any

from tests.books.reading import SORTS
from tests.pair import Pair
from tests.people import Person, register


def total(person: Person, **query: Any) -> int | None:
    answer = person.get("/books", params=query)
    assert answer.status_code == 200, answer.text
    found: int | None = answer.json().get("total")
    return found


def test_every_page_of_a_shelf_tells_how_many_books_are_on_it(pair: Pair, person: Person) -> None:
    register(pair).add_book()
    for prize in (None, 1, 2):
        person.add_book(book_prize=prize)

    for sort in SORTS:
        first = person.get("/books", params={"sort": sort, "limit": 2}).json()
        assert first["total"] == 3
        assert total(person, sort=sort, limit=2, cursor=first["next"]) == 3


def test_it_follows_every_change_of_the_shelf(person: Person) -> None:
    assert total(person) == 0
    made = [person.add_book() for _ in range(2)]
    assert total(person) == 2
    person.delete(f"/books/{made[0]['id']}")
    assert total(person, q="", sort="name") == 1
    person.delete(f"/books/{made[1]['id']}")
    assert total(person, sort="book_prize") == 0


def test_a_page_that_has_become_empty_has_it_too(person: Person) -> None:
    made = [person.add_book() for _ in range(3)]
    cursor = person.get("/books?limit=2").json()["next"]
    person.delete(f"/books/{made[2]['id']}")

    answer = person.get("/books", params={"cursor": cursor})

    assert answer.json() == {"list_of_books": [], "next": None, "total": 2}


def test_a_search_has_none(person: Person) -> None:
    person.add_book()

    for query in ({"q": "book"}, {"name": "x"}, {"Author": "Ann"}, {"Publisher": "Press"}):
        assert "total" not in person.get("/books", params=query).json()

"""GET /books?sort=…: one order on both databases, and every book once, whatever else happens to the shelf."""

import functools
import random
import secrets
from itertools import cycle
from typing import Any

from tests.books.conftest import somebody
from tests.books.reading import SORTS, folded, ids, pages_of_books
from tests.cases import every
from tests.pair import Pair
from tests.people import Person

NAMES = ["Zebra", "ant", "Ant 2", "Äpfel", "äpfel 2", "A\u0308pfel 3", "apfel", "Straße", "STRASSE 2"]
NAMES += ["strasse", "Война и мир", "ВОЙНА", "ΟΔΥΣΣΕΥΣ", "οδυσσεύς", "Ὀδύσσεια", "İstanbul", "istanbul"]
NAMES += ["Iğdır", "ısı", "\U0001f600", "\ufb01sh", "fish 2", "\uffee", "李小龍", "e\u0301a", "éa 2", "ez"]
NAMES += ["~", "_x", "%x", "0", " space", "a b", "a-b", "\U00010400", "\ue000", "\ud7a3", "\u1e9e", "ǆ"]
NAMES += ["ǅ 2", "\u0345", "z" * 200, "z" * 199 + "a"]
PRIZES = [None, 0, 7, 7, None, 2**31 - 1, 7, 1, None]
AUTHORS = ["Ann", "ann", "ANN", "Bea", "Äda", "\u1e9e"]


@functools.cache
def sorted_shelf(pair: Pair) -> tuple[Person, list[dict[str, Any]]]:
    """Return somebody with a shelf of every kind of name, and its books; made once for each pair."""
    person, books = somebody(pair), []
    names = NAMES + NAMES[::3]
    random.Random(3).shuffle(names)
    for place, (name, prize) in enumerate(zip(names, cycle(PRIZES), strict=False)):
        is_again = folded(name) in map(folded, names[:place])
        author = AUTHORS[place % len(AUTHORS)] + (f" {place}" if is_again else "")
        books.append(person.add_book(name=name, Author=author, book_prize=prize))
    return person, books


def in_order(books: list[dict[str, Any]], sort: str) -> list[int]:
    """Return the ids in the order that the contract asks for."""
    member, down = sort.removeprefix("-"), sort.startswith("-")

    def key(each: dict[str, Any]) -> Any:
        return folded(each[member]) if member in ("name", "Author") else each[member], each["id"]

    valued = [each for each in books if each[member] is not None]
    missing = [each["id"] for each in books if each[member] is None]
    return [each["id"] for each in sorted(valued, key=key, reverse=down)] + sorted(missing, reverse=down)


@every("sort", SORTS)
def test_a_shelf_has_one_order_on_both_databases(pair: Pair, sort: str) -> None:
    person, books = sorted_shelf(pair)

    assert ids(person, sort=sort, limit=200) == in_order(books, sort)


@every("query", [{"q": "N", "Publisher": "PRESS"}, {"Author": "aNN"}])
@every("sort", SORTS)
def test_what_is_found_is_sorted_too(pair: Pair, sort: str, query: dict[str, str]) -> None:
    person, books = sorted_shelf(pair)
    wanted = [
        each
        for each in books
        if query.get("q", "").lower() in folded(each["name"] + "\n" + each["Author"])
        and folded(query.get("Author", each["Author"])) == folded(each["Author"])
    ]

    assert 8 < len(wanted) < len(books)
    assert ids(person, sort=sort, limit=8, **query) == in_order(wanted, sort)


def guest_beside(person: Person, each: dict[str, Any]) -> int:
    """Put a book on the shelf that comes right behind or before this one, in most orders; return its id."""
    near = {"name": f"{each['name'][:190]} {secrets.token_hex(2)}", "Author": each["Author"]}
    number: int = person.add_book(**near, book_prize=each["book_prize"])["id"]
    return number


@every("sort", SORTS)
def test_a_book_that_stays_is_shown_once_while_others_come_and_go(pair: Pair, sort: str) -> None:
    person, books = sorted_shelf(pair)
    steady, chance = {each["id"] for each in books}, random.Random(7)
    shown: list[int] = []
    guests: list[int] = []

    for page in pages_of_books(person, sort=sort, limit=12):
        shown += [each["id"] for each in page if each["id"] in steady]
        for number in guests:
            assert person.delete(f"/books/{number}").status_code == 200
        guests = [guest_beside(person, chance.choice(books)) for _ in range(2)]
    for number in guests:
        person.delete(f"/books/{number}")

    assert shown == in_order(books, sort)

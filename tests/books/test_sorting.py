"""GET /books?sort=…: one order on both databases, and every book once, whatever else happens to the shelf."""

import functools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from tests.books.files import as_csv, import_file
from tests.books.reading import SORTS, folded, ids, pages_of_books
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, book, complaints, register

NAMES = [
    "Zebra",
    "ant",
    "Ant 2",
    "Äpfel",
    "äpfel 2",
    "A\u0308pfel 3",
    "apfel",
    "Straße",
    "STRASSE 2",
    "strasse",
]
NAMES += [
    "Война и мир",
    "ВОЙНА",
    "ΟΔΥΣΣΕΥΣ",
    "οδυσσεύς",
    "Ὀδύσσεια",
    "İstanbul",
    "istanbul",
    "Iğdır",
    "ısı",
    "\U0001f600",
]
NAMES += [
    "\ufb01sh",
    "fish 2",
    "\uffee",
    "李小龍",
    "e\u0301a",
    "éa 2",
    "ez",
    "~",
    "_x",
    "%x",
    "0",
    " space",
    "a b",
    "a-b",
]
NAMES += ["\U00010400", "\ue000", "\ud7a3", "\u1e9e", "ǆ", "ǅ 2", "\u0345", "z" * 200, "z" * 199 + "a"]
PRIZES = [None, 0, 7, 7, None, 2**31 - 1, 7, 1, None]
AUTHORS = ["Ann", "ann", "ANN", "Bea", "Äda", "\u1e9e"]
STEADY = 5000  # books
FILES = 10  # that they come in, so that many have one time
CLIENTS = 4


@functools.cache
def sorted_shelf(pair: Pair) -> tuple[Person, list[dict[str, Any]]]:
    """Return somebody with a shelf of every kind of name, and its books; made once for each pair."""
    person, names, titles = register(pair), NAMES * 2, set()
    random.Random(3).shuffle(names)
    books = []
    for place, name in enumerate(names):
        author = AUTHORS[place % len(AUTHORS)]
        if (folded(name), folded(author)) in titles:
            author += f" {place}"
        titles.add((folded(name), folded(author)))
        books.append(person.add_book(name=name, Author=author, book_prize=PRIZES[place % len(PRIZES)]))
    return person, books


def in_order(books: list[dict[str, Any]], sort: str) -> list[int]:
    """Return the ids in the order that the contract asks for."""
    member, down = sort.removeprefix("-"), sort.startswith("-")

    def key(each: dict[str, Any]) -> Any:
        return folded(each[member]) if member in ("name", "Author") else each[member], each["id"]

    valued = [each for each in books if each[member] is not None]
    missing = [each["id"] for each in books if each[member] is None]
    return [each["id"] for each in sorted(valued, key=key, reverse=down)] + sorted(missing, reverse=down)


@pytest.mark.parametrize("limit", [1, 4, 200])
@pytest.mark.parametrize("sort", SORTS)
def test_a_shelf_has_one_order_on_both_databases(pair: Pair, sort: str, limit: int) -> None:
    person, books = sorted_shelf(pair)

    assert ids(person, sort=sort, limit=limit) == in_order(books, sort)


@pytest.mark.parametrize("query", [{"q": "N", "Publisher": "PRESS"}, {"Author": "aNN"}], ids=str)
@pytest.mark.parametrize("sort", SORTS)
def test_what_is_found_is_sorted_too(pair: Pair, sort: str, query: dict[str, str]) -> None:
    person, books = sorted_shelf(pair)
    wanted = [
        each
        for each in books
        if query.get("q", "").lower() in folded(each["name"] + "\n" + each["Author"])
        and folded(query.get("Author", each["Author"])) == folded(each["Author"])
    ]

    assert 3 < len(wanted) < len(books)
    assert ids(person, sort=sort, limit=3, **query) == in_order(wanted, sort)


def test_a_shelf_is_sorted_by_id_if_nobody_says_otherwise(pair: Pair) -> None:
    person, books = sorted_shelf(pair)

    assert ids(person) == ids(person, sort="id") == [each["id"] for each in books]


@every(
    "sort",
    [
        "",
        "ID",
        "author",
        "+name",
        "--id",
        "-",
        "name,id",
        "-Name",
        "folded_name",
        "owner",
        "Publisher",
        "updated_at",
    ],
)
def test_there_is_no_other_sort(person: Person, sort: str) -> None:
    assert complaints(person.get("/books", params={"sort": sort})) == ["sort"]


@functools.cache
def steady_shelf(pair: Pair) -> tuple[Person, list[dict[str, Any]]]:
    """Return somebody with a shelf that only the clients of `unrest` change; made once for each pair."""
    person, chance = register(pair), random.Random(7)
    for _ in range(FILES):
        file = as_csv([some_book(chance) for _ in range(STEADY // FILES)])
        assert import_file(person, file).json() == {"created": STEADY // FILES, "skipped": 0}
    return person, [each for page in pages_of_books(person, limit=200) for each in page]


def some_book(chance: random.Random) -> dict[str, Any]:
    """Return a book of which every member is shared with others, or nearly."""
    return book(
        name=f"{chance.choice('aábBzя')} {chance.randrange(10**9)}",
        Author=chance.choice(["Ann", "Bea", "Cid", "Дора"]),
        book_prize=chance.choice([None, 1, 2, 3, 4]),
    )


@contextmanager
def unrest(person: Person) -> Iterator[list[int]]:
    """Let clients put books on the shelf and take them off meanwhile; count the changes of each."""
    over, changes = Event(), [0] * CLIENTS

    def change(client: int) -> None:
        own, chance = Person(person.pair, person.name, person.public_id, person.token), random.Random(client)
        while not over.is_set():
            made = [own.add_book(**some_book(chance))["id"] for _ in range(2)]
            for number in made:
                assert own.delete(f"/books/{number}").status_code == 200
            changes[client] += 1

    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(change, client) for client in range(CLIENTS)]
        yield changes
        over.set()
        for each in running:
            each.result()


@pytest.mark.parametrize("sort", SORTS)
def test_a_book_that_stays_is_shown_once_while_others_come_and_go(pair: Pair, sort: str) -> None:
    person, books = steady_shelf(pair)
    steady = {each["id"] for each in books}

    with unrest(person) as changes:
        shown = ids(person, sort=sort, limit=90)
        while not all(changes):  # a round at least with every client at work
            shown = ids(person, sort=sort, limit=90)

    assert len(books) == STEADY
    assert [number for number in shown if number in steady] == in_order(books, sort)

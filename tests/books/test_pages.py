"""GET /books in pages: in one order, every book once, with the total, and cursors for their own shelf."""

import functools
import random
import secrets
from itertools import cycle, product
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.books.conftest import somebody
from tests.books.files import as_csv, books, import_file
from tests.books.reading import SORTS, folded, ids, pages
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, complaints


def test_pages_show_every_book_once_50_at_a_time_if_nobody_says_how_many(person: Person) -> None:
    import_file(person, as_csv(books(51)))
    made = ids(person, limit=200)

    for limit, sizes in ((None, [50, 1]), (51, [51]), (50, [50, 1]), (25, [25, 25, 1]), (17, [17] * 3)):
        found = list(pages(person, **({"limit": limit} if limit else {})))
        assert [len(page) for page in found] == sizes
        assert [each["id"] for page in found for each in page] == made == sorted(made)


@every("q", ["x" * 200, "ab " * 66, " ".join(chr(0x4E00 + place) for place in range(100))])
def test_the_longest_values_fit_into_a_request(person: Person, q: str) -> None:
    longest = "\U0001f600" * 200  # twelve bytes each in an address

    assert ids(person, q=q) == ids(person, q=longest, name=longest, Author=longest) == []


def test_the_link_keeps_what_is_asked_for(person: Person) -> None:
    query = {"q": "ä&b=c %", "Author": 'Ann <ä> "\\; ß\U0001f600', "Publisher": "a+b", "sort": "-name"}
    names = ["ä&b=c% 3", "Ä&B=C% 2", "ä&b=c% 1"]
    made = [person.add_book(name=name, Author=query["Author"], Publisher="A+B") for name in names]

    first = person.get("/books", params=query | {"limit": 1})
    second = person.get(first.links["next"]["url"])
    third = person.get(second.links["next"]["url"])

    assert [page.json()["list_of_books"] for page in (first, second, third)] == [[book] for book in made]
    assert "Link" not in third.headers
    following = dict(parse_qsl(urlsplit(first.links["next"]["url"]).query))
    assert following == query | {"limit": "1", "cursor": first.json()["next"]}
    assert first.headers["Link"].isascii()


QUERIES: list[dict[str, str]] = [{"sort": sort} for sort in ("id", "-id", "name", "-book_prize")]
QUERIES += [{"q": "b"}, {"q": "b o"}, {"q": "book"}, {"q": "book", "sort": "-id"}]
QUERIES += [{"name": "book"}, {"Author": "book"}, {"Publisher": "book"}]
QUERIES += [{"Publisher": "book", "Author": "book"}, {"name": "book", "q": "book"}]


@on_sqlite
def test_a_cursor_is_good_for_its_owner_sort_and_filters_alone(pair: Pair, person: Person) -> None:
    for author in ("book", "Book 2", "book 3"):
        person.add_book(name="book", Author=author, Publisher="book")
        person.add_book(name=f"{author} 4", Author="BOOK", Publisher="book")
    cursors = [person.get("/books", params=query | {"limit": "1"}).json()["next"] for query in QUERIES]

    assert all(cursors)
    for query, (given_for, cursor) in product(QUERIES, zip(QUERIES, cursors, strict=True)):
        answer = person.get("/books", params=query | {"cursor": cursor, "limit": 200})
        expected = 200 if query is given_for else 422
        assert answer.status_code == expected, (query, given_for)
        assert expected == 200 or complaints(answer) == ["cursor"]
    assert complaints(somebody(pair).get("/books", params={"cursor": cursors[0]})) == ["cursor"]


def test_a_page_can_end_at_the_longest_text(person: Person) -> None:
    longest = "\U0001d160" * 199  # twelve bytes each in folded form
    for letter in "ab":
        person.add_book(name=longest + letter, Author=longest + letter)

    for sort in ("name", "-Author"):
        assert [len(page) for page in pages(person, sort=sort, limit=1)] == [1, 1]


def test_every_page_tells_how_many_books_are_on_the_shelf_unless_it_was_searched(
    pair: Pair, person: Person
) -> None:
    assert person.get("/books").json() == {"list_of_books": [], "next": None, "total": 0}
    somebody(pair).add_book()
    made = [person.add_book(book_prize=prize) for prize in (None, 1, 2)]
    for sort in SORTS:
        first = person.get("/books", params={"sort": sort, "limit": 2, "q": ""}).json()
        second = person.get("/books", params={"sort": sort, "cursor": first["next"]}).json()
        assert first["total"] == second["total"] == 3
    for parameter in ("q", "name", "Author", "Publisher"):
        assert "total" not in person.get("/books", params={parameter: "Ann"}).json()

    cursor = person.get("/books?limit=2").json()["next"]
    person.delete(f"/books/{made[2]['id']}")

    last = person.get("/books", params={"cursor": cursor})
    assert last.json() == {"list_of_books": [], "next": None, "total": 2}


LIMITS = ["0", "201", "-1", "01", "1.0", "1e1", "x", "+1", "%D9%A1", "9" * 30, "null", "1,2", "1&limit=1"]
CURSORS = ["x", "AAAA", "%00", "%ff", "%ED%A0%80", "A" * 3000]
SORTS_OF_NONE = ["ID", "author", "%2Bname", "--id", "-", "name,id", "-Name", "owner", "Publisher"]
TEXTS_OF_NONE = ["%20", "%E3%80%80", "x" * 201, "a%0Ab", "%00", "a%C2%85", "%7F", "a%c3"]


@on_sqlite
@every(
    "query, wrong",
    [(f"limit={value}", ["limit"]) for value in LIMITS]
    + [(f"cursor={value}", ["cursor"]) for value in CURSORS]
    + [(f"sort={value}", ["sort"]) for value in SORTS_OF_NONE]
    + [(f"{name}={text}", [name]) for name in ("name", "Author", "Publisher") for text in TEXTS_OF_NONE]
    + [(f"q={text}", ["q"]) for text in TEXTS_OF_NONE[2:]]
    + [(f"{name}=1", [name]) for name in ("Limit", "page", "limit[]", "", "_schema", "author", "book_prize")]
    + [("x", ["x"]), ("%00", ["\0"]), ("%ff=1", ["?"]), ("cursor=zz&limit=0&x=1", ["cursor", "limit", "x"])],
)
def test_a_query_that_breaks_a_rule_is_refused(person: Person, query: str, wrong: list[str]) -> None:
    assert sorted(complaints(person.get(f"/books?{query}"))) == wrong


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


@every("query", [{}, {"q": "N", "Publisher": "PRESS"}, {"Author": "aNN"}])
@every("sort", SORTS)
def test_a_shelf_and_what_is_found_have_one_order_on_both_databases(
    pair: Pair, sort: str, query: dict[str, str]
) -> None:
    person, books = sorted_shelf(pair)
    wanted = [
        each
        for each in books
        if query.get("q", "").lower() in folded(each["name"] + "\n" + each["Author"])
        and folded(query.get("Author", each["Author"])) == folded(each["Author"])
    ]

    assert len(wanted) > 8
    assert (len(wanted) < len(books)) == bool(query)
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

    for page in pages(person, sort=sort, limit=12):
        shown += [each["id"] for each in page if each["id"] in steady]
        for number in guests:
            assert person.delete(f"/books/{number}").status_code == 200
        guests = [guest_beside(person, chance.choice(books)) for _ in range(2)]
    for number in guests:
        person.delete(f"/books/{number}")

    assert shown == in_order(books, sort)

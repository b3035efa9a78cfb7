"""GET /books in pages: every book once, and a cursor that is good for its own shelf alone."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.books.reading import SORTS, pages
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, book, complaints, register


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


def test_the_link_keeps_what_is_asked_for(person: Person) -> None:
    query = {"q": "ä&b=c %", "Author": 'Ann <ä> "\\; ß\U0001f600', "Publisher": "a+b", "sort": "-name"}
    names = ["ä&b=c% 3", "Ä&B=C% 2", "ä&b=c% 1"]
    made = [person.add_book(name=name, Author=query["Author"], Publisher="A+B") for name in names]

    first = person.get("/books", params=query | {"limit": 1})
    second = person.get(first.links["next"]["url"])
    third = person.get(second.links["next"]["url"])

    assert [page.json()["list_of_books"] for page in (first, second, third)] == [[book] for book in made]
    assert "Link" not in third.headers
    told = dict(parse_qsl(urlsplit(first.links["next"]["url"]).query))
    assert told == query | {"limit": "1", "cursor": first.json()["next"]}
    assert first.headers["Link"].isascii()


QUERIES: list[dict[str, str]] = [{"sort": sort} for sort in SORTS]
QUERIES += [{"q": "b"}, {"q": "b o"}, {"q": "book"}, {"q": "book", "sort": "-id"}]
QUERIES += [{"name": "book"}, {"Author": "book"}, {"Publisher": "book"}]
QUERIES += [{"Publisher": "book", "Author": "book"}, {"name": "book", "q": "book"}]


def test_a_cursor_is_good_for_its_sort_and_filters_alone(person: Person) -> None:
    for author in ("book", "Book 2", "book 3"):
        person.add_book(name="book", Author=author, Publisher="book")
        person.add_book(name=f"{author} 4", Author="BOOK", Publisher="book")
    cursors = [person.get("/books", params=query | {"limit": "1"}).json()["next"] for query in QUERIES]

    assert all(cursors)
    for place, query in enumerate(QUERIES):
        for number, cursor in enumerate(cursors):
            answer = person.get("/books", params=query | {"cursor": cursor})
            if number == place:
                assert answer.status_code == 200
            else:
                assert complaints(answer) == ["cursor"], (query, QUERIES[number])


@pytest.mark.parametrize(
    ("first", "then"), [("Ä  b", "a\u0308\u3000B"), ("b Ä", "ä b"), ("ÄB b", "äb"), ("äb", "B äB Äb")]
)
def test_a_cursor_is_good_for_the_same_words_otherwise_written(person: Person, first: str, then: str) -> None:
    made = [person.add_book(name=name) for name in ("äb b", "B ÄB", "bä äbba a b")]
    cursor = person.get("/books", params={"q": first, "limit": 1}).json()["next"]

    rest = person.get("/books", params={"q": then, "cursor": cursor})

    assert rest.json()["list_of_books"] == made[1:]


@pytest.mark.parametrize("sort", ["name", "-Author"])
def test_a_page_can_end_at_the_longest_text(person: Person, sort: str) -> None:
    longest = "\U0001d160" * 199  # twelve bytes each in folded form
    for letter in "ab":
        person.add_book(name=longest + letter, Author=longest + letter)

    assert [len(page) for page in pages(person, sort=sort, limit=1)] == [1, 1]


def test_a_change_between_two_pages_moves_no_other_book(person: Person) -> None:
    made = [person.add_book()["id"] for _ in range(4)]
    cursor = person.get("/books", params={"limit": 2}).json()["next"]

    for number in made[:2]:
        person.delete(f"/books/{number}")
    made.append(person.add_book()["id"])

    rest = person.get("/books", params={"cursor": cursor}).json()["list_of_books"]
    assert [each["id"] for each in rest] == made[2:]


def test_what_is_no_cursor_at_all_is_told_with_all_else(person: Person) -> None:
    for cursor in ("zz", "a b", "A" * 22):
        answer = person.get("/books", params={"limit": "0", "cursor": cursor, "x": "1"})
        assert sorted(complaints(answer)) == ["cursor", "limit", "x"]


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


LIMITS = ["0", "201", "-1", "%2B1", "01", "1.0", "1e1", "x", "", "+1", "1+"]
LIMITS += ["%D9%A1", "1%00", "9" * 30, "true", "null", "%ff", "1,2", "1_0", "1&limit=1", "1;x=1"]
CURSORS = ["", "x", "AAAA", "%00", "%ff", "%ED%A0%80", "A" * 3000, "a=b"]


@every(
    "query, wrong",
    [(f"limit={value}", ["limit"]) for value in LIMITS]
    + [(f"cursor={value}", ["cursor"]) for value in CURSORS]
    + [(f"{name}=1", [name]) for name in ("Limit", "page", "limit[]", "token", "", "_schema")]
    + [(f"{name}=a", [name]) for name in ("Name", "author", "name[]", "book_prize", "owner", "id")]
    + [(f"{name}=a%c3", [name]) for name in ("q", "name", "Author", "Publisher", "sort")]
    + [("x", ["x"]), ("%00", ["\0"]), ("%ff=1", ["?"]), ("cursor=x&limit=0&page=1", ["limit", "page"])],
)
def test_a_query_that_breaks_a_rule_is_refused(person: Person, query: str, wrong: list[str]) -> None:
    found = complaints(person.get(f"/books?{query}"))

    assert sorted(name for name in found if name != "cursor" or wrong == ["cursor"]) == wrong


@every("query", ["?", "?&", "?&&", "?limit=50&"])
def test_a_query_without_a_parameter_is_none(person: Person, query: str) -> None:
    assert person.get(f"/books{query}").status_code == 200


@pytest.mark.parametrize("path", ["/book", "/books"])
def test_a_new_book_has_no_query(person: Person, path: str) -> None:
    answer = person.post(f"{path}?limit=1&dry_run=1", book(price=1))

    assert sorted(complaints(answer)) == ["/price", "dry_run", "limit"]

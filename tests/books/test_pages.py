"""GET /books in pages: every book once, and a cursor that is good for its own shelf alone."""

from itertools import product
from urllib.parse import parse_qsl, urlsplit

from tests.books.conftest import somebody
from tests.books.files import as_csv, books, import_file
from tests.books.reading import SORTS, ids, pages
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, book, complaints


def test_pages_show_every_book_once_50_at_a_time_if_nobody_says_how_many(person: Person) -> None:
    import_file(person, as_csv(books(51)))
    made = ids(person, limit=200)

    for limit, sizes in ((None, [50, 1]), (51, [51]), (50, [50, 1]), (25, [25, 25, 1]), (17, [17] * 3)):
        found = pages(person, **({"limit": limit} if limit else {}))
        assert [len(page) for page in found] == sizes
        assert [number for page in found for number in page] == made == sorted(made)


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


QUERIES: list[dict[str, str]] = [{"sort": sort} for sort in SORTS]
QUERIES += [{"q": "b"}, {"q": "b o"}, {"q": "book"}, {"q": "book", "sort": "-id"}]
QUERIES += [{"name": "book"}, {"Author": "book"}, {"Publisher": "book"}]
QUERIES += [{"Publisher": "book", "Author": "book"}, {"name": "book", "q": "book"}]


@on_sqlite
def test_a_cursor_is_good_for_its_sort_and_filters_alone(person: Person) -> None:
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


@every("first, then", [("Ä  b", "a\u0308\u3000B"), ("b Ä", "ä b"), ("ÄB b", "äb"), ("äb", "B äB Äb")])
def test_a_cursor_is_good_for_the_same_words_otherwise_written(pair: Pair, first: str, then: str) -> None:
    person = somebody(pair)
    made = [person.add_book(name=name) for name in ("äb b", "B ÄB", "bä äbba a b")]
    cursor = person.get("/books", params={"q": first, "limit": 1}).json()["next"]

    rest = person.get("/books", params={"q": then, "cursor": cursor})

    assert rest.json()["list_of_books"] == made[1:]


def test_a_page_can_end_at_the_longest_text(person: Person) -> None:
    longest = "\U0001d160" * 199  # twelve bytes each in folded form
    for letter in "ab":
        person.add_book(name=longest + letter, Author=longest + letter)

    for sort in ("name", "-Author"):
        assert [len(page) for page in pages(person, sort=sort, limit=1)] == [1, 1]


def test_a_change_between_two_pages_moves_no_other_book(person: Person) -> None:
    made = [person.add_book()["id"] for _ in range(4)]
    cursor = person.get("/books", params={"limit": 2}).json()["next"]

    for number in made[:2]:
        person.delete(f"/books/{number}")
    made.append(person.add_book()["id"])

    rest = person.get("/books", params={"cursor": cursor}).json()["list_of_books"]
    assert [each["id"] for each in rest] == made[2:]


@on_sqlite
def test_what_is_no_cursor_or_somebody_elses_is_refused_with_all_else(pair: Pair, person: Person) -> None:
    for cursor in ("zz", "a b", "A" * 22):
        answer = person.get("/books", params={"limit": "0", "cursor": cursor, "x": "1"})
        assert sorted(complaints(answer)) == ["cursor", "limit", "x"]
    other = somebody(pair)
    for _ in range(2):
        other.add_book()
    cursor = other.get("/books", params={"limit": 1}).json()["next"]

    assert complaints(person.get("/books", params={"cursor": cursor})) == ["cursor"]


LIMITS = ["0", "201", "-1", "%2B1", "01", "1.0", "1e1", "x", "+1", "1+"]
LIMITS += ["%D9%A1", "1%00", "9" * 30, "true", "null", "%ff", "1,2", "1_0", "1&limit=1", "1;x=1"]
CURSORS = ["x", "AAAA", "%00", "%ff", "%ED%A0%80", "A" * 3000, "a=b"]


@on_sqlite
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


@on_sqlite
def test_a_query_without_a_parameter_is_none_and_a_new_book_has_none(person: Person) -> None:
    for query in ("?", "?&", "?&&", "?limit=50&"):
        assert person.get(f"/books{query}").status_code == 200
    for path in ("/book", "/books"):
        answer = person.post(f"{path}?limit=1&dry_run=1", book(price=1))
        assert sorted(complaints(answer)) == ["/price", "dry_run", "limit"]

"""GET /books in pages: every book once, with the total, and a cursor that is good for its own shelf alone."""

from itertools import product
from urllib.parse import parse_qsl, urlsplit

from tests.books.conftest import somebody
from tests.books.files import as_csv, books, import_file
from tests.books.reading import SORTS, ids, pages
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, complaints


def test_pages_show_every_book_once_50_at_a_time_if_nobody_says_how_many(person: Person) -> None:
    import_file(person, as_csv(books(51)))
    made = ids(person, limit=200)

    for limit, sizes in ((None, [50, 1]), (51, [51]), (50, [50, 1]), (25, [25, 25, 1]), (17, [17] * 3)):
        found = pages(person, **({"limit": limit} if limit else {}))
        assert [len(page) for page in found] == sizes
        assert [number for page in found for number in page] == made == sorted(made)


@on_sqlite
@every("query", ["?", "?&", "?&&", "?limit=50&"])
def test_a_query_without_a_parameter_is_none(person: Person, query: str) -> None:
    assert person.get(f"/books{query}").status_code == 200


@every("q", ["x" * 200, "ab " * 66, " ".join(chr(0x4E00 + place) for place in range(100))])
def test_a_search_has_up_to_200_characters(person: Person, q: str) -> None:
    assert ids(person, q=q) == []


def test_the_longest_values_fit_into_a_request(person: Person) -> None:
    longest = "\U0001f600" * 200  # twelve bytes each in an address
    assert ids(person, q=longest, name=longest, Author=longest) == []


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


@on_sqlite
def test_a_cursor_of_somebody_else_is_refused(pair: Pair, person: Person) -> None:
    other = somebody(pair)
    for _ in range(2):
        other.add_book()
    cursor = other.get("/books?limit=1").json()["next"]

    assert complaints(person.get("/books", params={"cursor": cursor})) == ["cursor"]


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

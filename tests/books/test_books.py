"""POST, GET and DELETE of books: what a shelf takes, shows and gives back, and how many it holds."""

import uuid
from collections import Counter

import pytest

from tests.books.conftest import Sent, counted, keys_of, send_at_once, somebody
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, assert_problem, book, complaints

BOOK = {"id", "name", "Author", "Publisher", "book_prize", "created_at", "updated_at"}
NO_IDS = ["0", "01", "+1", "-1", "1.0", "1e0", "0x1", "%201", "1%20", "1%0a", "%00", "%D9%A1", "%EF%BC%91"]
NO_IDS += ["x", "1/", "1;v=1", str(2**63), "9" * 2000, "1_0", "%ff"]
NO_PRIZES: list[object] = [-1, 2**31, 2**63, 10**400, 1e300, 12.5, "12", "", True, False, [], {}, [1]]
UNKNOWN = ["id", "price", "author", "Name", "owner", "public_id", "admin", "created_at", "title", ""]


@pytest.mark.parametrize("path", ["/book", "/books"])
def test_a_book_is_put_on_the_shelf_and_found_at_its_location(person: Person, path: str) -> None:
    sent = book()

    answer = person.post(path, sent)

    body, made = answer.json(), answer.json()["book"]
    assert (answer.status_code, body) == (201, {"message": "new books created", "book": made})
    assert made.keys() == BOOK
    assert made | sent == made
    assert made["updated_at"] == made["created_at"]
    assert answer.headers["Location"] == f"/books/{made['id']}"
    found = person.get(answer.headers["Location"])
    assert (found.status_code, found.json()) == (200, made)
    assert found.headers["Cache-Control"] == "private, no-cache"


def test_a_book_is_taken_off_once_and_can_be_put_back_with_a_new_number(person: Person) -> None:
    sent = book()
    number = person.add_book(**sent)["id"]
    path = f"/books/{number}"

    first, second = person.delete(path), person.delete(path)

    assert (first.status_code, first.json()) == (200, {"message": "Book deleted"})
    assert_problem(second, 404, "book does not exist")
    assert_problem(person.get(path), 404, "book does not exist")
    assert person.get("/books").json()["list_of_books"] == []
    assert person.add_book(**sent)["id"] > number


SPELLINGS = [
    ("Straße Misérables", "\u01d5\u0345"),
    ("STRASSE MISÉRABLES", "\u01d6\u03b9"),
    ("strasse mise\u0301rables", "u\u0308\u0304\u03b9"),
]
TITLES = [("a b", "c"), ("a", "b c"), ("a ", "b c"), ("a", " b c"), ("\u2126", "b"), ("Ω", "c")]


def test_a_shelf_holds_a_book_once_in_whatever_case_and_form_of_name_and_author(pair: Pair) -> None:
    for person in (somebody(pair), somebody(pair)):
        made = [person.add_book(name=name, Author=author) for name, author in [SPELLINGS[0], *TITLES]]
        for name, author in SPELLINGS:
            again = book(name=name, Author=author, Publisher="Another", book_prize=None)
            assert_problem(person.post("/book", again), 409, "book already exists")
        assert person.get("/books").json()["list_of_books"] == made


@every("method", ["GET", "DELETE", "PUT", "PATCH"])
def test_a_book_of_somebody_else_is_not_there(pair: Pair, person: Person, method: str) -> None:
    other = somebody(pair)
    made = other.add_book()
    changes = {"json": book()} if method in ("PUT", "PATCH") else {}

    for number in (made["id"], 2**31, 2**53 + 1, 2**63 - 1):
        answer = person.request(method, "books", f"/books/{number}", **changes)
        assert_problem(answer, 404, "book does not exist")
    assert person.get("/books").json()["list_of_books"] == []
    assert other.get(f"/books/{made['id']}").json() == made


@on_sqlite
@every("number", NO_IDS)
def test_what_is_no_number_of_a_book_is_404(person: Person, number: str) -> None:
    assert_problem(person.get(f"/books/{number}"), 404)


@every("prize, kept", [(0, "0"), (2**31 - 1, str(2**31 - 1)), (None, "None"), (12.0, "12")])
def test_a_prize_is_a_whole_number_or_none(person: Person, prize: float | None, kept: str) -> None:
    made = person.add_book(book_prize=prize)

    assert repr(made["book_prize"]) == repr(person.get(f"/books/{made['id']}").json()["book_prize"]) == kept


@on_sqlite
@every("member, value", [("book_prize", prize) for prize in NO_PRIZES] + [(name, 1) for name in UNKNOWN])
def test_what_breaks_a_rule_puts_nothing_on_the_shelf(person: Person, member: str, value: object) -> None:
    assert complaints(person.post("/books", book() | {member: value})) == [f"/{member}"]
    assert person.get("/books").json()["list_of_books"] == []


FULL = "shelf is full"


def full_shelf(pair: Pair) -> tuple[Person, list[str]]:
    """Return somebody whose shelf is full, with ten books, and where they are."""
    person = somebody(pair)
    return person, [f"/books/{person.add_book()['id']}" for _ in range(10)]


def inserts(count: int) -> list[Sent]:
    """Return requests for new books, half of them with a key."""
    keys = [{"Idempotency_Key": str(uuid.uuid4())} if number % 2 else {} for number in range(count)]
    return [("POST", "/books", book(), key) for key in keys]


def test_the_eleventh_book_is_refused_and_changes_need_no_room(narrow_pair: Pair) -> None:
    person, paths = full_shelf(narrow_pair)
    nowhere, sent = "/books/9007199254740993", book()
    keyed = person.with_token(Idempotency_Key=str(uuid.uuid4()))

    assert_problem(person.post("/books", sent), 409, FULL)
    assert_problem(person.post("/book", sent, headers=keyed), 409, FULL)
    assert person.put(paths[0], book()).status_code == 200
    assert person.patch(paths[1], {"name": "Another"}).status_code == 200
    assert_problem(person.delete(paths[2], headers=person.with_token(If_Match='"9"')), 412)
    assert_problem(person.delete(nowhere), 404)
    assert (counted(person), keys_of(person)) == ((10, 10), set())

    assert person.delete(paths[0]).status_code == 200
    assert counted(person) == (9, 9)
    assert person.post("/books", sent, headers=keyed).status_code == 201
    assert person.post("/books", sent, headers=keyed).headers["Idempotency-Replayed"] == "true"
    assert_problem(person.post("/books", book()), 409, FULL)
    assert counted(person) == (10, 10)


def test_simultaneous_inserts_stop_at_ten(narrow_pair: Pair) -> None:
    person = somebody(narrow_pair)

    answers = send_at_once(person, inserts(20))

    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 10}
    assert {answer.json()["message"] for answer in answers} == {"new books created", FULL}
    assert counted(person) == (10, 10)


def test_simultaneous_deletions_and_inserts_leave_the_right_count(narrow_pair: Pair) -> None:
    person, paths = full_shelf(narrow_pair)
    deletions: list[Sent] = [("DELETE", path, None, {}) for path in paths[:5] * 2]

    both = [each for pair in zip(deletions, inserts(10), strict=True) for each in pair]
    answers = send_at_once(person, both)

    made = sum(answer.status_code == 201 for answer in answers)
    assert Counter(answer.status_code for answer in answers[::2]) == {200: 5, 404: 5}
    assert {answer.status_code for answer in answers[1::2]} <= {201, 409}
    assert counted(person) == (5 + made, 5 + made)
    assert made <= 5

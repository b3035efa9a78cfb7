"""What a new book may hold: texts kept as they were sent, a whole number for the prize, nothing else."""

from tests.cases import every, on_sqlite
from tests.people import Person, book, complaints

TEXTS = ["name", "Author", "Publisher"]


@every("prize, kept", [(0, "0"), (1, "1"), (2**31 - 1, str(2**31 - 1)), (None, "None"), (12.0, "12")])
def test_a_prize_is_a_whole_number_or_none(person: Person, prize: float | None, kept: str) -> None:
    made = person.add_book(book_prize=prize)

    assert repr(made["book_prize"]) == repr(person.get(f"/books/{made['id']}").json()["book_prize"]) == kept


def test_a_book_without_a_prize_has_none(person: Person) -> None:
    sent = book()
    del sent["book_prize"]

    assert person.post("/book", sent).json()["book"]["book_prize"] is None


NO_PRIZES: list[object] = [-1, 2**31, 2**63, 10**400, 1e300, 12.5, "12", "", True, False, [], {}, [1]]
UNKNOWN = ["id", "price", "author", "Name", "owner", "public_id", "admin", "created_at", "title", ""]


@on_sqlite
@every(
    "member, value",
    [("book_prize", prize) for prize in NO_PRIZES]
    + [(member, text) for member in TEXTS for text in ("", " ", "\u3000\u00a0", "a\tb", "\x7f")]
    + [(member, 1) for member in UNKNOWN],
)
def test_what_breaks_a_rule_puts_nothing_on_the_shelf(person: Person, member: str, value: object) -> None:
    assert complaints(person.post("/books", book() | {member: value})) == [f"/{member}"]
    assert person.get("/books").json()["list_of_books"] == []


@every("member", TEXTS)
@every("character", ["x", "é", "\U0001f600", "\ufdfa"])
def test_a_text_has_up_to_200_characters(person: Person, member: str, character: str) -> None:
    assert person.add_book(**{member: character * 200})[member] == character * 200
    assert complaints(person.post("/books", book(**{member: character * 201}))) == [f"/{member}"]


@on_sqlite
def test_everything_that_is_wrong_is_said_at_once(person: Person) -> None:
    sent = {"name": "", "Author": 1, "book_prize": "12", "price": 12, "author": "Ann"}

    found = complaints(person.post("/books", sent))

    assert sorted(found) == ["/Author", "/Publisher", "/author", "/book_prize", "/name", "/price"]

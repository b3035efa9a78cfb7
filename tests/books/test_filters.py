"""GET /books?name=…&Author=…&Publisher=…: the whole value, in folded form."""

from tests.books.conftest import somebody
from tests.books.reading import ids
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, book, complaints

MEMBERS = ["name", "Author", "Publisher"]


@every("member", MEMBERS)
@every(
    "stored, asked",
    [("Straße", "STRASSE"), ("STRASSE", "straße"), ("Äpfel", "a\u0308pfel"), ("Война", "ВОЙНА")]
    + [("ΟΔΟΣ", "οδος"), ("οδοσ", "ΟΔΟΣ"), ("İstanbul", "i\u0307stanbul"), ("\U0001f600", "\U0001f600")]
    + [("100 %_\\", "100 %_\\"), ("'; DROP TABLE books; --", "'; drop table books; --")]
    + [("x" * 200, "X" * 200), (" a ", " A "), ("null", "NULL")],
)
def test_a_value_is_found_in_any_case(pair: Pair, member: str, stored: str, asked: str) -> None:
    person = somebody(pair)
    person.add_book()
    made = person.add_book(**{member: stored})["id"]

    assert ids(person, **{member: asked}) == [made]


@every("asked", ["ric", "Eri", "Eric ", " eric", "Eric2", "%", "E_ic", "Er%", "*", "Érić", "\\"])
def test_a_value_is_found_only_as_a_whole(pair: Pair, asked: str) -> None:
    person = somebody(pair)
    person.add_book(**dict.fromkeys(MEMBERS, "Eric"))

    assert [ids(person, **{member: asked}) for member in MEMBERS] == [[]] * 3


def test_filters_narrow_one_another(person: Person) -> None:
    made = [
        person.add_book(name=name, Author=author, Publisher="e")["id"] for name in "ab" for author in "cd"
    ]
    last = person.add_book(name="b", Author="g", Publisher="f")["id"]

    assert ids(person, name="B") == [*made[2:], last]
    assert ids(person, name="b", Author="D") == [made[3]]
    assert ids(person, Publisher="e", Author="c", sort="-name") == [made[2], made[0]]
    assert ids(person, Publisher="F", name="b", q="G") == [last]
    assert ids(person, Publisher="f", name="a") == []


def test_nobody_else_s_book_is_found(pair: Pair, person: Person) -> None:
    sent = book()
    somebody(pair).add_book(**sent)

    for name, member in (("name", "name"), ("Author", "Author"), ("Publisher", "Publisher"), ("q", "name")):
        assert ids(person, **{name: sent[member]}) == []


@on_sqlite
@every("member", MEMBERS)
@every("asked", [" ", "\u3000", "x" * 201, "a\nb", "\x00", "a\x85", "\x7f"])
def test_what_no_book_can_hold_is_refused(person: Person, member: str, asked: str) -> None:
    assert complaints(person.get("/books", params={member: asked})) == [member]


def test_the_longest_values_fit_into_a_request(person: Person) -> None:
    longest = "\U0001f600" * 200  # twelve bytes each in an address

    assert ids(person, q=longest, name=longest, Author=longest) == []

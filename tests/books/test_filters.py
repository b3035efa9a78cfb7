"""GET /books?name=…&Author=…&Publisher=…: the whole value, in folded form."""

from tests.books.conftest import somebody
from tests.books.reading import ids
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, book

MEMBERS = ["name", "Author", "Publisher"]


@every(
    "stored, asked",
    [("Straße", "STRASSE"), ("Äpfel", "a\u0308pfel"), ("ΟΔΟΣ", "οδος"), ("\U0001f600", "\U0001f600")]
    + [("100 %_\\", "100 %_\\"), ("'; DROP TABLE books; --", "'; drop table books; --")]
    + [("x" * 200, "X" * 200), (" a ", " A "), ("null", "NULL"), ("\u0301", "\u0301")],
)
def test_a_value_is_found_in_any_case(pair: Pair, stored: str, asked: str) -> None:
    person = somebody(pair)
    made = person.add_book(**dict.fromkeys(MEMBERS, stored))["id"]

    assert [ids(person, **{member: asked}) for member in MEMBERS] == [[made]] * 3


def test_a_value_is_found_only_as_a_whole_with_its_accents_and_quotes(person: Person) -> None:
    person.add_book(**dict.fromkeys(MEMBERS, "O'Eric"))

    for asked in ("ric", "o'Eri", "o'Eric ", " o'eric", "%", "o'E_ic", "o'Er%", "o'Érić", "o’Eric"):
        assert [(asked, ids(person, **{member: asked})) for member in MEMBERS] == [(asked, [])] * 3


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

    for name, member in [*zip(MEMBERS, MEMBERS, strict=True), ("q", "name")]:
        assert ids(person, **{name: sent[member]}) == []

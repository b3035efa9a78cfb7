"""GET /books?name=…&Author=…&Publisher=…: the whole value, in folded form."""

import pytest

from tests.books.reading import ids
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, book, complaints, register

MEMBERS = ["name", "Author", "Publisher"]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("Straße", "STRASSE"),
        ("STRASSE", "straße"),
        ("Äpfel", "a\u0308pfel"),
        ("Война", "ВОЙНА"),
        ("ΟΔΟΣ", "οδος"),
        ("οδοσ", "ΟΔΟΣ"),
        ("İstanbul", "i\u0307stanbul"),
        ("100 %_\\", "100 %_\\"),
        ("'; DROP TABLE books; --", "'; drop table books; --"),
        ("\U0001f600", "\U0001f600"),
        ("x" * 200, "X" * 200),
        (" a ", " A "),
        ("null", "NULL"),
    ],
)
def test_a_value_is_found_in_any_case(person: Person, member: str, stored: str, asked: str) -> None:
    person.add_book()
    made = person.add_book(**{member: stored})["id"]

    assert ids(person, **{member: asked}) == [made]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(
    "asked", ["ric", "Eri", "Eric ", " eric", "Eric2", "%", "E_ic", "Er%", "*", "Érić", "\\"]
)
def test_a_value_is_found_only_as_a_whole(person: Person, member: str, asked: str) -> None:
    person.add_book(**{member: "Eric"})

    assert ids(person, **{member: asked}) == []


def test_filters_narrow_one_another(person: Person) -> None:
    made = [
        person.add_book(name=name, Author=author, Publisher=publisher)["id"]
        for name in ("a", "b")
        for author in ("c", "d")
        for publisher in ("e",)
    ]
    last = person.add_book(name="b", Author="g", Publisher="f")["id"]

    assert ids(person, name="B") == [*made[2:], last]
    assert ids(person, name="b", Author="D") == [made[3]]
    assert ids(person, Publisher="e", Author="c", sort="-name") == [made[2], made[0]]
    assert ids(person, Publisher="F", name="b", q="G") == [last]
    assert ids(person, Publisher="f", name="a") == []


def test_nobody_else_s_book_is_found(pair: Pair, person: Person) -> None:
    sent = book()
    register(pair).add_book(**sent)

    for query in ({"name": sent["name"]}, {"Author": sent["Author"]}, {"Publisher": sent["Publisher"]}):
        assert ids(person, **query) == []
    assert ids(person, q=sent["name"]) == []


@every("member", MEMBERS)
@every("asked", ["", " ", "\u3000", "x" * 201, "a\nb", "\x00", "a\x85", "\x7f"])
def test_what_no_book_can_hold_is_refused(person: Person, member: str, asked: str) -> None:
    query = {member: asked}

    assert complaints(person.get("/books", params=query)) == [member]


def test_the_longest_values_fit_into_a_request(person: Person) -> None:
    longest = "\U0001f600" * 200  # twelve bytes each in an address

    assert ids(person, q=longest, name=longest, Author=longest) == []

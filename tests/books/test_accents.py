"""GET /books?q=…: accents and typographic quotes make no difference to words, but do to whole values."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from books_service.shelf.put import fold_text, search_form
from tests.books.reading import ids
from tests.cases import every
from tests.people import Person

ALIKE = [
    ("García", "garcia"),
    ("Garcia", "GARCÍA"),
    ("O’Reilly", "o'reilly"),
    ("O'Reilly", "o’REILLY"),
    ("‘a‛ ‚b", "'a' 'b"),
    ("“Zoë” „x‟", '"zoe" "x"'),
    ('"Zoe"', "“zoë"),
    ("Ångström", "angstrom"),
    ("A\u030angstrom", "ångstrom"),
    ("İstanbul", "istanbul"),
    ("Ἀθῆναι", "αθηναι"),
    ("Война", "Воина"),
    ("żółć", "zołc"),
    ("한글 각", "각"),
    ("שָׁלוֹם", "שלום"),
    ("naïve\ufe0f", "naive"),
]
DIFFERENT = [
    ("Ørsted", "orsted"),
    ("Łódź", "lodz"),
    ("각", "가"),
    ("straße", "strase"),
    ("a’b", "a`b"),
    ("æ", "ae"),
    ("ı", "i"),
]


@every("stored, q", ALIKE)
def test_words_are_found_whatever_their_accents_and_quotes(person: Person, stored: str, q: str) -> None:
    made = [
        person.add_book(**{member: f"x{stored} {q!r}"})["id"] for member in ("name", "Author", "Publisher")
    ]
    found = [person.add_book(**{member: f"x{stored}"})["id"] for member in ("name", "Author", "Publisher")]

    assert [number for number in ids(person, q=q) if number in found] == found
    assert [number for number in ids(person, q=q, sort="-name") if number in made]


@every("stored, q", DIFFERENT)
def test_letters_of_their_own_stay(person: Person, stored: str, q: str) -> None:
    made = person.add_book(name=stored)["id"]

    assert made not in ids(person, q=q)
    assert made in ids(person, q=stored)


@pytest.mark.parametrize("member", ["name", "Author", "Publisher"])
def test_whole_values_have_their_accents_and_quotes(person: Person, member: str) -> None:
    other = "Author" if member == "name" else "name"
    values = ["García O’Reilly", "Garcia O'Reilly", "GARCÍA O’REILLY"]
    made = [person.add_book(**{other: f"x{n}", member: value})["id"] for n, value in enumerate(values)]

    assert ids(person, **{member: "garcía o’reilly"}) == [made[0], made[2]]
    assert ids(person, **{member: values[1]}) == [made[1]]
    assert ids(person, **{member: values[1]}, q="garcía o’r") == [made[1]]


def test_a_word_of_nothing_but_accents_is_none(person: Person) -> None:
    made = person.add_book(Publisher="\u0301")["id"]

    assert made in ids(person, q="\u0301 \u0300")
    assert ids(person, Publisher="\u0301") == [made]


def test_a_changed_book_is_found_by_its_new_texts(person: Person) -> None:
    made = person.add_book(name="Garcia")
    path = f"/books/{made['id']}"

    person.patch(path, {"name": "García"})
    assert ids(person, q="garcia") == [made["id"]]
    person.patch(path, {"name": "Núñez", "Publisher": "Édition"})

    assert ids(person, q="garcia") == []
    assert ids(person, q="nunez edition") == [made["id"]]


@given(text=st.text())
def test_the_form_that_is_searched_has_no_accents_and_stays_what_it_is(text: str) -> None:
    form = search_form(fold_text(text))

    assert "Mn" not in map(unicodedata.category, unicodedata.normalize("NFD", form))
    assert not set(form) & set("‘’‚‛“”„‟")
    assert search_form(form) == form

"""GET /books?q=…&name=…: words in any of the texts, whatever their case, accents and quotes; whole values."""

import functools
import random
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from books_service.shelf.put import fold_text, search_form
from tests.books.conftest import somebody
from tests.books.reading import folded, ids, searched
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, book

# What folding, LIKE, the words of a trigram index and SQLite each have views of their own about.
LETTERS = "aAäÄbßẞſsSσςΣİıiI\u0307\u0301éеЕя李\U0001f600%_\\'\"*-.?[]^$\u0345ǅﬁ\u200d0"
MEMBERS = ["name", "Author", "Publisher"]
SPACES = " \u00a0\u2003\u3000"
FOUND = [("Äpfel und Birnen", "äpfel"), ("äpfel", "ÄPF"), ("A\u0308pfel", "äp"), ("Straße", "STRASSE")]
FOUND += [("STRASSE", "aß"), ("ВОЙНА", "йн"), ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"), ("οδυσσευς", "ΣΣ")]
FOUND += [("Iğdır", "dır"), ("İstanbul", "i\u0307s"), ("ﬁsh", "FIS"), ("李小龍 傳", "李小龍")]
FOUND += [("a \U0001f600 b", "\U0001f600"), ("100% sure", "%"), ("snake_case", "e_c"), ("k\\s", "\\")]
FOUND += [('it\'s "quoted"', '"quoted"'), ("a*b NEAR(c)", "a*b near(c)"), ("C++ - / OR", "c++ or -")]
FOUND += [("Good Omens", " \u3000mens\u2003GOO "), ("\u2028between\u2029", "between")]
FOUND += [("abcdef", "a ab abc b"), ("García", "garcia"), ("Garcia", "GARCÍA"), ("O’Reilly", "o'reilly")]
FOUND += [("O'Reilly", "o’REILLY"), ("‘a‛ ‚b", "'a' 'b"), ("“Zoë” „x‟", '"zoe" "x"'), ('"Zoe"', "“zoë")]
FOUND += [("A\u030angstrom", "ångstrom"), ("İstanbul", "istanbul"), ("Ἀθῆναι", "αθηναι")]
FOUND += [("Война", "Воина"), ("żółć", "zołc"), ("한글 각", "각"), ("שָׁלוֹם", "שלום"), ("naïve\ufe0f", "naive")]
ABSENT = ["goodomens", "g%d", "g_od", "good_", "%%", "\\o", "good omens eric", "g*", '"good omens"']
ABSENT += ["omens\\", "øod", "NOT", "name:good", "^good", "good\u200b", "omenspratchett", "s\u00a0p%"]
ABSENT += ["gollanczg", "gollancz OMENS terry gaiman"]
LETTERS_OF_THEIR_OWN = [("Ørsted", "orsted"), ("Łódź", "lodz"), ("각", "가"), ("straße", "strase")]
LETTERS_OF_THEIR_OWN += [("a’b", "a`b"), ("æ", "ae"), ("ı", "i")]


@every("stored, q", FOUND)
def test_words_are_found_in_any_form_and_inside_others(person: Person, stored: str, q: str) -> None:
    made = person.add_book(Publisher=stored)["id"]

    assert made in ids(person, q=q)


@every("stored, q", LETTERS_OF_THEIR_OWN)
def test_letters_of_their_own_stay(person: Person, stored: str, q: str) -> None:
    made = person.add_book(name=stored)["id"]

    assert made not in ids(person, q=q)
    assert made in ids(person, q=stored)


def test_the_words_may_be_in_different_texts_and_what_is_not_there_is_not_found(person: Person) -> None:
    made = person.add_book(name="Good Omens", Author="Terry Pratchett", Publisher="Gollancz")["id"]

    assert ids(person, q="gollancz OMENS terry pratch") == [made]
    for q in ABSENT:
        assert (q, ids(person, q=q)) == (q, [])


def test_a_changed_book_is_found_by_its_new_texts(person: Person) -> None:
    made = person.add_book(name="Garcia")["id"]

    person.patch(f"/books/{made}", {"name": "Núñez", "Publisher": "Édition"})

    assert ids(person, q="garcia") == []
    assert ids(person, q="nunez edition") == [made]


def test_no_words_are_no_search(person: Person) -> None:
    made = [person.add_book()["id"] for _ in range(2)]

    for q in ("", " \u00a0", "\u3000\u2003", "\u0301 \u0300"):  # accents alone are no word
        assert ids(person, q=q, limit=1) == made


@given(text=st.text())
def test_texts_are_compared_in_the_forms_of_the_contract(text: str) -> None:
    form = fold_text(text)

    assert (form, search_form(form)) == (folded(text), searched(text))


@functools.cache
def strange_shelf(pair: Pair) -> tuple[Person, list[dict[str, Any]]]:
    """Return somebody with books of strange texts, and the books; made once for each pair."""
    person, chance = somebody(pair), random.Random(11)

    def text() -> str:
        return "".join(chance.choices(LETTERS + SPACES, k=chance.randint(0, 12))) + "x"

    return person, [person.add_book(name=text(), Author=text(), Publisher=text()) for _ in range(50)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(q=st.text(LETTERS + SPACES + "x", max_size=6))
@example(q="%")
@example(q="\\")
@example(q="\\%")
@example(q="x %")
def test_both_databases_find_what_folding_says(pair: Pair, q: str) -> None:
    person, books = strange_shelf(pair)
    words = searched(q).split()

    def is_wanted(each: dict[str, Any]) -> bool:
        texts = [searched(each[member]) for member in MEMBERS]
        return all(any(word in text for text in texts) for word in words)

    assert ids(person, q=q) == [each["id"] for each in books if is_wanted(each)]


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

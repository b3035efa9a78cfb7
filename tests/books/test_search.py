"""GET /books?q=…: all words, each in name, author or publisher, in any case; the same on both databases."""

import functools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.books.reading import folded, ids
from tests.pair import Pair
from tests.people import Person, complaints, register

# What folding, LIKE, the words of a trigram index and SQLite each have views of their own about.
LETTERS = "aAäÄbßẞſsSσςΣİıiI\u0307\u0301éеЕя李\U0001f600%_\\'\"*-.?[]^$\u0345ǅﬁ\u200d0"
SPACES = " \u00a0\u2003\u3000"


@pytest.mark.parametrize(
    ("stored", "q"),
    [
        ("Äpfel und Birnen", "äpfel"),
        ("äpfel", "ÄPF"),
        ("A\u0308pfel", "äp"),
        ("Straße", "STRASSE"),
        ("STRASSE", "aß"),
        ("Война и мир", "ВОЙНА"),
        ("ВОЙНА", "йн"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("οδυσσευς", "ΣΣ"),
        ("Iğdır", "IĞD"),
        ("Iğdır", "dır"),
        ("İstanbul", "i\u0307s"),
        ("ﬁsh", "FIS"),
        ("李小龍", "小"),
        ("李小龍 傳", "李小龍"),
        ("a \U0001f600 b", "\U0001f600"),
        ("100% sure", "0%"),
        ("100% sure", "%"),
        ("snake_case", "e_c"),
        ("back\\slash", "\\"),
        ("back\\slash", "k\\s"),
        ('it\'s "quoted"', "t's"),
        ('it\'s "quoted"', '"quoted"'),
        ("a*b NEAR(c)", "a*b near(c)"),
        ("C++ - / OR", "c++ or -"),
        ("Good Omens", "mens GOO"),
        ("Good Omens", " \u3000good\u2003 "),
        ("abcdef", "a ab abc b"),
        ("\u2028between\u2029", "between"),
    ],
)
def test_words_are_found_in_any_case_and_inside_others(person: Person, stored: str, q: str) -> None:
    person.add_book(name="nothing of the kind")
    made = [person.add_book(**{member: stored})["id"] for member in ("name", "Author", "Publisher")]

    assert ids(person, q=q) == made


@pytest.mark.parametrize(
    "q",
    [
        "goodomens",
        "g%d",
        "g_od",
        "good_",
        "%%",
        "\\o",
        "good omens eric",
        "g*",
        '"good omens"',
        "omens\\",
        "öod",
        "NOT",
    ]
    + ["name:good", "^good", "good\u200b", "omenspratchett", "s\u00a0p%", "gollanczg"],
)
def test_what_is_not_there_is_not_found(person: Person, q: str) -> None:
    person.add_book(name="Good Omens", Author="Pratchett", Publisher="Gollancz")

    assert ids(person, q=q) == []


def test_the_words_may_be_in_different_texts(person: Person) -> None:
    made = person.add_book(name="Good Omens", Author="Terry Pratchett", Publisher="Gollancz")["id"]

    assert ids(person, q="gollancz OMENS terry pratch") == [made]
    assert ids(person, q="gollancz OMENS terry gaiman") == []


@pytest.mark.parametrize("q", ["", " ", "\u3000\u2003", "  \u00a0"], ids=ascii)
def test_no_words_are_no_search(person: Person, q: str) -> None:
    made = [person.add_book()["id"] for _ in range(2)]

    assert ids(person, q=q, limit=1) == made


@pytest.mark.parametrize("q", ["x" * 201, "a\nb", "\ta", "\x00", "a\x7f", "\x85"], ids=ascii)
def test_what_can_be_in_no_book_is_refused(person: Person, q: str) -> None:
    answer = person.get("/books", params={"q": q})

    assert complaints(answer) == ["q"]


@pytest.mark.parametrize("q", ["x" * 200, "ab " * 66, " ".join(chr(0x4E00 + place) for place in range(100))])
def test_a_search_has_up_to_200_characters(person: Person, q: str) -> None:
    assert ids(person, q=q) == []


@functools.cache
def strange_shelf(pair: Pair) -> tuple[Person, list[dict[str, Any]]]:
    """Return somebody with books of strange texts, and the books; made once for each pair."""
    person, chance = register(pair), random.Random(11)

    def text() -> str:
        return "".join(chance.choices(LETTERS + SPACES, k=chance.randint(0, 12))) + "x"

    return person, [person.add_book(name=text(), Author=text(), Publisher=text()) for _ in range(80)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(q=st.text(LETTERS + SPACES + "x", max_size=6))
@example(q="%")
@example(q="\\")
@example(q="\\%")
@example(q="x %")
def test_both_databases_find_what_folding_says(pair: Pair, q: str) -> None:
    person, books = strange_shelf(pair)
    words = folded(q).split()

    def is_wanted(book: dict[str, Any]) -> bool:
        texts = [folded(book[member]) for member in ("name", "Author", "Publisher")]
        return all(any(word in text for text in texts) for word in words)

    assert ids(person, q=q) == [book["id"] for book in books if is_wanted(book)]

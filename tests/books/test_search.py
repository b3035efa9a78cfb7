"""GET /books?q=…: all words, each in name, author or publisher, in any case; the same on both databases."""

import functools
import random
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.books.conftest import somebody
from tests.books.reading import ids, searched
from tests.cases import every, on_sqlite
from tests.pair import Pair
from tests.people import Person, complaints

# What folding, LIKE, the words of a trigram index and SQLite each have views of their own about.
LETTERS = "aAäÄbßẞſsSσςΣİıiI\u0307\u0301éеЕя李\U0001f600%_\\'\"*-.?[]^$\u0345ǅﬁ\u200d0"
ABSENT = ["goodomens", "g%d", "g_od", "good_", "%%", "\\o", "good omens eric", "g*", '"good omens"']
ABSENT += ["omens\\", "øod", "NOT", "name:good", "^good", "good\u200b", "omenspratchett", "s\u00a0p%"]
ABSENT += ["gollanczg", "gollancz OMENS terry gaiman"]
SPACES = " \u00a0\u2003\u3000"


@every(
    "stored, q",
    [("Äpfel und Birnen", "äpfel"), ("äpfel", "ÄPF"), ("A\u0308pfel", "äp"), ("Straße", "STRASSE")]
    + [("STRASSE", "aß"), ("Война и мир", "ВОЙНА"), ("ВОЙНА", "йн"), ("ΟΔΥΣΣΕΥΣ", "οδυσσευς")]
    + [("οδυσσευς", "ΣΣ"), ("Iğdır", "IĞD"), ("Iğdır", "dır"), ("İstanbul", "i\u0307s"), ("ﬁsh", "FIS")]
    + [("李小龍", "小"), ("李小龍 傳", "李小龍"), ("a \U0001f600 b", "\U0001f600"), ("100% sure", "0%")]
    + [("100% sure", "%"), ("snake_case", "e_c"), ("back\\slash", "\\"), ("back\\slash", "k\\s")]
    + [('it\'s "quoted"', "t's"), ('it\'s "quoted"', '"quoted"'), ("a*b NEAR(c)", "a*b near(c)")]
    + [("C++ - / OR", "c++ or -"), ("Good Omens", "mens GOO"), ("Good Omens", " \u3000good\u2003 ")]
    + [("abcdef", "a ab abc b"), ("\u2028between\u2029", "between")],
)
def test_words_are_found_in_any_case_and_inside_others(pair: Pair, stored: str, q: str) -> None:
    person = somebody(pair)
    person.add_book(name="nothing of the kind")
    made = [person.add_book(**{member: stored})["id"] for member in ("name", "Author", "Publisher")]

    assert ids(person, q=q) == made


def test_the_words_may_be_in_different_texts_and_what_is_not_there_is_not_found(person: Person) -> None:
    made = person.add_book(name="Good Omens", Author="Terry Pratchett", Publisher="Gollancz")["id"]

    assert ids(person, q="gollancz OMENS terry pratch") == [made]
    for q in ABSENT:
        assert (q, ids(person, q=q)) == (q, [])


@every("q", ["", " ", "\u3000\u2003", "  \u00a0"])
def test_no_words_are_no_search(pair: Pair, q: str) -> None:
    person = somebody(pair)
    made = [person.add_book()["id"] for _ in range(2)]

    assert ids(person, q=q, limit=1) == made


@on_sqlite
@every("q", ["x" * 201, "a\nb", "\ta", "\x00", "a\x7f", "\x85"])
def test_what_can_be_in_no_book_is_refused(person: Person, q: str) -> None:
    assert complaints(person.get("/books", params={"q": q})) == ["q"]


@every("q", ["x" * 200, "ab " * 66, " ".join(chr(0x4E00 + place) for place in range(100))])
def test_a_search_has_up_to_200_characters(person: Person, q: str) -> None:
    assert ids(person, q=q) == []


@functools.cache
def strange_shelf(pair: Pair) -> tuple[Person, list[dict[str, Any]]]:
    """Return somebody with books of strange texts, and the books; made once for each pair."""
    person, chance = somebody(pair), random.Random(11)

    def text() -> str:
        return "".join(chance.choices(LETTERS + SPACES, k=chance.randint(0, 12))) + "x"

    return person, [person.add_book(name=text(), Author=text(), Publisher=text()) for _ in range(80)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(q=st.text(LETTERS + SPACES + "x", max_size=6))
@example(q="%")
@example(q="\\")
@example(q="\\%")
@example(q="x %")
def test_both_databases_find_what_folding_says(pair: Pair, q: str) -> None:
    person, books = strange_shelf(pair)
    words = searched(q).split()

    def is_wanted(book: dict[str, Any]) -> bool:
        texts = [searched(book[member]) for member in ("name", "Author", "Publisher")]
        return all(any(word in text for text in texts) for word in words)

    assert ids(person, q=q) == [book["id"] for book in books if is_wanted(book)]

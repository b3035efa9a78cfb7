"""GET /books?q=…&name=…: words in any of the texts, whatever their case, accents and quotes; whole values."""

import secrets
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.books.conftest import somebody
from tests.books.reading import ids
from tests.cases import every
from tests.pair import Pair
from tests.people import Person, book
from tests.postgres_server import USER, PostgresServer

MEMBERS = ["name", "Author", "Publisher"]
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


@every(
    "stored, q, is_found",
    [(*case, True) for case in FOUND] + [(*case, False) for case in LETTERS_OF_THEIR_OWN],
)
def test_words_are_found_in_any_form_and_inside_others(
    person: Person, stored: str, q: str, is_found: bool
) -> None:
    made = person.add_book(name=f"Book {secrets.randbelow(10**12)}", Publisher=stored)["id"]  # has no "ae"

    assert (made in ids(person, q=q)) == is_found


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


OWNING, USING = "ALTER DATABASE {database} OWNER TO {role}", "GRANT ALL ON SCHEMA public TO {role}"


def execute(url: str, statement: str, **names: str) -> list[Any]:
    words = {word: sql.Identifier(name) for word, name in names.items()}
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement).format(**words))
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize(("right", "has_index"), [(OWNING, True), (USING, False)])
def test_who_owns_the_database_has_the_trigram_index_and_a_search_is_right_without(
    postgres: PostgresServer, tmp_path: Path, right: str, has_index: bool
) -> None:
    role = f"role_{secrets.token_hex(4)}"
    database = f"books_{role}"
    url = postgres.create_database(database)
    execute(url, "CREATE ROLE {role} LOGIN", role=role)
    execute(url, right, role=role, database=database)

    databases = {"books": url.replace(f"//{USER}@", f"//{role}@")}
    with Pair(tmp_path, databases=databases, services=["books"]).prepare() as pair:
        person = somebody(pair.start())
        made = [person.add_book(name=name)["id"] for name in ("Äpfel 100%", "Birnen", "äpfel_")]

        assert ids(person, q="ÄPF") == [made[0], made[2]]
        assert ids(person, q="el press", sort="-name") == [made[2], made[0]]
        assert ids(person, q="%") == made[:1]
        assert ids(person, Publisher="press", q="_") == made[2:]
    indexes = execute(url, "SELECT indexname FROM pg_indexes WHERE tablename = 'books'")
    assert indexes
    assert (("ix_books_search_text",) in indexes) == has_index

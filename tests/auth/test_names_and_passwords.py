"""What names and passwords may be, and when two are the same: no name looks like another, or like nothing."""

import re
import unicodedata

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from auth_service.models import User
from auth_service.names import MAX_LENGTH, InvalidName, fold_name, normalise
from auth_service.passwords import policy
from tests import api
from tests.auth.database import execute
from tests.auth.hashers import make_hasher
from tests.auth.logins import try_password
from tests.auth.users import Operator
from tests.cases import every
from tests.pair import Pair
from tests.people import PASSWORD, Person, complaints, new_name

ZWNJ, ZWJ = "\u200c", "\u200d"
# Besides any text: what NFKC turns into spaces, marks, colons or several letters, or composes with others.
SPACES_AND_COLONS = " \u00a0\u2003\u3000:\uff1a\u2a74"
SPACED_MARKS = "\u00a8\u037a\u2017\ufdfa"
COMPOSING = "\u0345\u0301\u0308\u1100\u1161가αιΰ"
CASES = "\ufb03ßẞİiıςσΣ"
TRICKY = st.sampled_from(SPACES_AND_COLONS + SPACED_MARKS + COMPOSING + CASES)
TEXTS = st.text(max_size=70) | st.text(TRICKY, max_size=40) | st.text(TRICKY | st.characters(), max_size=40)
LETTERS = st.sampled_from("abcxyzäöüéñžабвгдяёαβγδωάώ 0123456789_-.")
GOOD = ["alice", "a@b.example", "x" * 50, "مُحَمَّد", "李小龍", "김철수", "Nguyễn Văn", "Αλέξανδρος"]
GOOD += ["Иван Petrov", "John-Иван", "O'Brien", "😀"]
GOOD += [f"می{ZWNJ}خواهم", f"علی{ZWNJ}رضا"]  # Persian: a joiner between letters
GOOD += [f"क्{ZWJ}ष", f"श्{ZWNJ}री"]  # Devanagari: behind a virama
GOOD += [f"ශ්{ZWJ}රී", f"ක්{ZWJ}රිෂාන්"]  # Sinhala
GOOD += [f"র{ZWJ}্যাব"]  # Bengali: between letters, before a virama
GOOD += [f"ന്{ZWJ}"]  # Malayalam: a chillu at the end
SHOWS_NOTHING = "\u034f\ufe0f\U000e0100\u3164\u115f\u1160\uffa0\u2800\u180b\u17b4\u17b5"
SHOWS_NOTHING += "\u00ad\u200b\u2060\ufeff\U0001d159\U000e0041"
PLACES = ["An{}na", "Anna{}", "{}", "{}Anna", "می{}خواهم"]
NO_PLACES = ["An{}na", "می{}", "{}می", "می{0}{0}خواهم", "می{} خواهم", "می{}a", "а{}н", "1{}2", "👨{}👩"]
BAD = {
    "empty": ["", "\u3000\u00a0"],
    "at most 50": ["x" * 51, "ﬃ" * 17, "\ufdfa" * 3, "\u0316\u0301" * 32_768],
    "control": ["a\tb", "a\x00b", "a\u0085b", "a\ud800b"],
    "colon": ["a:b", "a\u2a74b"],
    "white space": ["a\u1680b", "a\u2028b"],
    "invisible": ["a\u094d\u200db", *(place.format(joiner) for joiner in (ZWNJ, ZWJ) for place in NO_PLACES)]
    + [place.format(each) for place in PLACES for each in SHOWS_NOTHING],
    "a letter": ["\u0301", "\u0345\u0301", "\u094d"],
    "private": ["a\ue000b"],
    "unassigned": ["a\uffffb"],
    "mix": ["Аnna", "Αnna", "pаypal", "Ann Аnna", "Annа1", "1Αnna", "Ann_а", "аnn\u0301"],
}


def complaint_of(raw: str) -> str:
    """Return why the name is refused, or nothing if it is not."""
    try:
        normalise(raw)
    except InvalidName as refused:
        return refused.message
    return ""


@every(
    "raw, name",
    [
        *((name, name) for name in GOOD),
        ("  alice  ", "alice"),
        ("Ada   King", "Ada King"),
        ("Ada\u00a0\u2003King", "Ada King"),
        ("e\u0301va", "éva"),
        ("ﬁona", "fiona"),
        ("α\u0313\u0300\u0345" * 50, "ᾂ" * 50),
        ("α\u0313\u0300\u0345 " * 25, ("ᾂ " * 25).strip()),
        (" " * 60_000 + "x", "x"),
    ],
)
def test_a_name_of_any_script_is_brought_into_its_one_form(raw: str, name: str) -> None:
    assert normalise(raw) == name


@every("reason, names", BAD.items())
def test_a_name_that_breaks_a_rule_is_refused_with_the_reason(reason: str, names: list[str]) -> None:
    assert [each for each in names if reason not in complaint_of(each)] == []
    assert [each for each in names if each.strip() and each in complaint_of(each)] == []


@settings(max_examples=30)
@given(TEXTS)
def test_an_accepted_name_keeps_every_rule(raw: str) -> None:
    if complaint_of(raw):
        return

    name = normalise(raw)
    assert normalise(name) == name
    assert 1 <= len(name) <= MAX_LENGTH
    assert name == unicodedata.normalize("NFKC", name)
    assert name == " ".join(name.split(" ")) == name.strip()
    assert ":" not in name
    assert not any(character.isspace() for character in name if character != " ")
    assert {unicodedata.category(character)[0] for character in name}.isdisjoint("C")


@settings(max_examples=30)
@given(st.text(TRICKY | LETTERS, min_size=380, max_size=1200))
def test_what_is_refused_before_it_is_normalised_would_be_too_long_after_it(raw: str) -> None:
    normalised = re.sub(" +", " ", unicodedata.normalize("NFKC", raw)).strip(" ")

    assert ("at most" in complaint_of(raw)) == (len(normalised) > MAX_LENGTH)


SAME = ["Ärger/äRGER", "straße/STRASSE", "STRAẞE/strasse", "ΣΊΣΥΦΟΣ/Σίσυφος", "ᾳ/ΑΙ", "ΰ/Ϋ́", "Ꮳ/ꮳ"]
SAME += [f"حمید{ZWNJ}رضا/حمیدرضا"]
DIFFERENT = ["Anna/Анна", "resume/résumé", "adaking/ada king", "İ/I", "ı/i"]


@every("names, is_same", [(names, True) for names in SAME] + [(names, False) for names in DIFFERENT])
def test_names_that_differ_in_case_or_joiners_only_are_the_same(names: str, is_same: bool) -> None:
    one, other = map(normalise, names.split("/"))

    assert (fold_name(one) == fold_name(other)) is is_same


@given(st.text("αβγδωάώιΐΰᾳςσ 0123456789_-.", min_size=1, max_size=MAX_LENGTH).filter(str.strip))
def test_a_name_folds_alike_in_every_case(raw: str) -> None:
    name = normalise(raw)

    assert fold_name(normalise(name.upper())) == fold_name(normalise(name.lower())) == fold_name(name)


def register(pair: Pair, name: str) -> requests.Response:
    return api.post(pair.url("auth") + "/register", json={"name": name, "password": PASSWORD})


def test_a_name_with_a_joiner_registers_once_and_logs_in_with_or_without_it(pair: Pair) -> None:
    name = f"می{ZWNJ}خواهم {new_name()[-8:]}"

    assert [register(pair, name).status_code for _ in range(2)] == [201, 409]
    for typed in (name, name.replace(ZWNJ, "")):
        assert try_password(pair, typed).status_code == 200


@pytest.mark.parametrize("old", ["An\u034fna {}", "\u2800 {}", "Аnna {}"])
def test_a_user_from_before_these_rules_is_served(person: Person, operator: Operator, old: str) -> None:
    name = old.format(new_name()[-8:])
    names = {"name": name, "folded_name": fold_name(name)}
    execute(person.pair, update(User).where(User.public_id == person.public_id).values(**names))

    assert try_password(person.pair, name).status_code == 200
    assert operator.succeed("users", "disable", name) == "done"
    assert "user.disabled" in operator.succeed("audit", "--user", name)
    assert complaints(register(person.pair, name)) == ["/name"]


HASHER = make_hasher()
GOOD_PASSWORDS = ["correct horse battery staple", "blaugrün", "👩🏽‍🚀🚀🚀🚀🚀", " leading and trailing "]
GOOD_PASSWORDS += ["aaaabbbbccccdddd!", "a bookstore of mine", "α\u0313\u0300\u0345" * 256, "x" * 256]
BAD_PASSWORDS: dict[str, list[str]] = {
    "empty": [""],
    "white space": ["\u3000" * 20],
    "at least 8": ["zx9qk2v", "e\u0301" * 7],
    "at most 256": ["qz" * 128 + "q", "e\u0301" * 257, "\u0316\u0301" * 32_768],
    "control": ["zx9qk2vw\x00", "zx9qk2vw\u0085", "zx9qk2vw\ud800"],
    # The names of the product are as common as others are.
    "common": ["Password1", "bookstore", "Bookstore-2026!", "auth_service", "books service 1", "AUTH-SERVICE"]
    + ["localhost", "Bookstore.Auth"],
}


def complain(password: str, *, name: str = "ada", min_length: int = 8) -> str | None:
    return policy.complaint(password, name=name, min_length=min_length)


@every("password", GOOD_PASSWORDS)
def test_a_long_enough_uncommon_password_may_be_chosen(password: str) -> None:
    assert complain(password) is None


@every(
    "reason, password", [(reason, each) for reason, passwords in BAD_PASSWORDS.items() for each in passwords]
)
def test_a_password_that_breaks_a_rule_is_refused_with_the_reason(reason: str, password: str) -> None:
    assert reason in (complain(password) or "")


@every(
    "name, password",
    [
        ("Ada Lovelace", " ada   lovelace "),
        ("Ada Lovelace", "Ａｄａ Ｌｏｖｅｌａｃｅ"),
        ("Großmutter", "GROSSMUTTER"),
        ("Évangéline", "e\u0301vange\u0301line"),
        ("ZX9QK:2VW", "zx9qk:2vw"),  # no name can be like this, but it was typed as one
    ],
)
def test_the_name_is_no_password_in_whatever_case_or_form(name: str, password: str) -> None:
    assert complain(password, name=name) == "the password must not be the name"


def test_a_password_is_judged_beside_an_invalid_name_and_by_a_shortest_length_that_was_raised() -> None:
    assert complain("zx9qk2vw", name="") is None
    assert "common" in (complain("password", name="a:b" * 100) or "")
    assert complain("zx9qk2vw7", min_length=10) == "the password must have at least 10 characters"
    assert complain("zx9qk2vw7y", min_length=10) is None


@given(st.text(st.sampled_from("\u0301\u0308\u0323\u0345\u1100\u1161\u11a8αυeo"), max_size=2000))
def test_what_is_refused_before_it_is_composed_would_be_too_long_after_it(password: str) -> None:
    length = len(unicodedata.normalize("NFC", password))

    assert ("at most" in (complain(password) or "")) == (length > policy.MAX_LENGTH)


def test_ten_thousand_passwords_that_are_long_enough_are_refused_in_any_case() -> None:
    assert len(policy.COMMON_PASSWORDS) >= 10_000
    assert min(map(len, policy.COMMON_PASSWORDS)) >= 8
    some = sorted(policy.COMMON_PASSWORDS)[::10]
    spellings = [*policy.COMMON_PASSWORDS, *map(str.upper, some), *map(str.title, some)]

    assert [each for each in spellings if "common" not in (complain(each) or "")] == []


@every(
    "password, other, is_same",
    [
        ("correct horse", "correct horse", True),
        ("correct horse", "correct horsE", False),
        ("correct horse", "correct horse ", False),
        ("x" * 256, "x" * 255 + "y", False),
        ("blaugrün", "blaugru\u0308n", True),
        ("blaugru\u0308n", "blaugrün", True),
        ("ᾂ" * 256, "α\u0313\u0300\u0345" * 256, True),
        ("office chair", "oﬃce chair", False),  # compatible is not canonical
    ],
)
def test_a_password_is_the_same_composed_or_not(password: str, other: str, is_same: bool) -> None:
    stored = HASHER.hash(password)

    assert HASHER.hash(password) != stored
    assert HASHER.verify(stored, other) is is_same


@every("password", ["", "x" * 257, "x" * 65_536, "\u0316\u0301" * 32_768, "\ud800", "a\x00b"])
def test_what_could_never_be_chosen_is_compared_and_wrong(password: str) -> None:
    assert HASHER.verify(HASHER.hash("x" * 256), password) is False
    assert HASHER.verify_dummy(password) is False

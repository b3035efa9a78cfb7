"""Which passwords may be chosen, and when two are the same."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from auth_service.passwords.policy import COMMON_PASSWORDS, MAX_LENGTH, complaint
from tests.auth.hashers import make_hasher
from tests.cases import every

HASHER = make_hasher()
GOOD = ["correct horse battery staple", "blaugrün", "👩🏽‍🚀🚀🚀🚀🚀", " leading and trailing "]
GOOD += ["aaaabbbbccccdddd!", "a bookstore of mine", "α\u0313\u0300\u0345" * 256, "x" * 256]
BAD = {
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
    return complaint(password, name=name, min_length=min_length)


@every("password", GOOD)
def test_a_long_enough_uncommon_password_may_be_chosen(password: str) -> None:
    assert complain(password) is None


@every("reason, password", [(reason, each) for reason, passwords in BAD.items() for each in passwords])
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

    assert ("at most" in (complain(password) or "")) == (length > MAX_LENGTH)


def test_ten_thousand_passwords_that_are_long_enough_are_refused_in_any_case() -> None:
    assert len(COMMON_PASSWORDS) >= 10_000
    assert min(map(len, COMMON_PASSWORDS)) >= 8
    some = sorted(COMMON_PASSWORDS)[::10]
    spellings = [*COMMON_PASSWORDS, *map(str.upper, some), *map(str.title, some)]

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
def test_a_password_is_the_same_composed_or_not_and_to_the_letter(
    password: str, other: str, is_same: bool
) -> None:
    stored = HASHER.hash(password)

    assert HASHER.hash(password) != stored
    assert HASHER.verify(stored, other) is is_same


@every("password", ["", "x" * 257, "x" * 65_536, "\u0316\u0301" * 32_768, "\ud800", "a\x00b"])
def test_what_could_never_be_chosen_is_compared_and_wrong(password: str) -> None:
    assert HASHER.verify(HASHER.hash("x" * 256), password) is False
    assert HASHER.verify_dummy(password) is False

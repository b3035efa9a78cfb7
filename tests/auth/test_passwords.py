"""Which passwords may be chosen, and that they are kept as Argon2id hashes."""

import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from hypothesis import given
from hypothesis import strategies as st

from auth_service.passwords.hashing import NICENESS, Hasher
from auth_service.passwords.policy import COMMON_PASSWORDS, MAX_LENGTH, complaint
from common.ops.limits import Busy, ConcurrencyLimit
from tests.auth.hashers import make_hasher


def complain(password: str, *, name: str = "ada", min_length: int = 8) -> str | None:
    return complaint(password, name=name, min_length=min_length)


HASHER = make_hasher()


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "blaugrün",
        "👩🏽‍🚀🚀🚀🚀🚀",
        " leading and trailing ",
        "aaaabbbbccccdddd!",
        "α\u0313\u0300\u0345" * 256,
        "x" * 256,
    ],
)
def test_a_long_enough_uncommon_password_may_be_chosen(password: str) -> None:
    assert complain(password) is None


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "empty"),
        ("\u3000" * 20, "white space"),
        ("zx9qk2v", "at least 8"),
        ("e\u0301" * 7, "at least 8"),
        ("qz" * 128 + "q", "at most 256"),
        ("e\u0301" * 257, "at most 256"),
        ("\u0316\u0301" * 32_768, "at most 256"),
        ("zx9qk2vw\x00", "control"),
        ("zx9qk2vw\u0085", "control"),
        ("zx9qk2vw\ud800", "control"),
        ("Password1", "common"),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused_with_the_reason(password: str, reason: str) -> None:
    sentence = complain(password)

    assert sentence is not None
    assert reason in sentence


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("Ada Lovelace", " ada   lovelace "),
        ("Ada Lovelace", "Ａｄａ Ｌｏｖｅｌａｃｅ"),
        ("Großmutter", "GROSSMUTTER"),
        ("Évangéline", "e\u0301vange\u0301line"),
    ],
)
def test_the_name_is_no_password_in_whatever_case_or_form(name: str, password: str) -> None:
    assert complain(password, name=name) == "the password must not be the name"


def test_an_invalid_name_does_not_keep_the_password_from_being_judged() -> None:
    assert complain("zx9qk2vw", name="") is None
    assert "common" in (complain("password", name="a:b" * 100) or "")
    assert complain("zx9qk:2vw", name="ZX9QK:2VW") == "the password must not be the name"


def test_the_shortest_length_can_be_raised() -> None:
    assert complain("zx9qk2vw7", min_length=10) == "the password must have at least 10 characters"
    assert complain("zx9qk2vw7y", min_length=10) is None


@given(st.text(st.characters(), min_size=8, max_size=300))
def test_a_complaint_never_repeats_the_password(password: str) -> None:
    assert password not in (complain(password) or "")


@given(st.text(st.sampled_from("\u0301\u0308\u0323\u0345\u1100\u1161\u11a8αυeo"), max_size=2000))
def test_what_is_refused_before_it_is_composed_would_be_too_long_after_it(password: str) -> None:
    length = len(unicodedata.normalize("NFC", password))

    assert ("at most" in (complain(password) or "")) == (length > MAX_LENGTH)


def test_the_list_holds_ten_thousand_passwords_that_are_long_enough() -> None:
    assert len(COMMON_PASSWORDS) >= 10_000
    assert min(map(len, COMMON_PASSWORDS)) >= 8


def test_every_password_of_the_list_is_refused_in_any_case() -> None:
    accepted = [
        password
        for password in COMMON_PASSWORDS
        for spelling in (password, password.upper(), password.title())
        if "common" not in (complain(spelling) or "")
    ]

    assert accepted == []


def test_a_password_is_verified_against_its_hash_and_no_other() -> None:
    stored = HASHER.hash("correct horse")

    assert HASHER.hash("correct horse") != stored
    assert HASHER.verify(stored, "correct horse") is True
    assert HASHER.verify(stored, "correct horsE") is False
    assert HASHER.verify(stored, "correct horse ") is False
    assert HASHER.verify(stored, "") is False
    assert HASHER.verify(HASHER.hash("x" * 256), "x" * 255 + "y") is False


def test_a_hash_is_argon2id_with_the_parameters_asked_for() -> None:
    stored = make_hasher(memory=128, time_cost=3, parallelism=2).hash("correct horse")

    parameters = extract_parameters(stored)
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (128, 3, 2)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)


def test_a_password_is_the_same_composed_or_not() -> None:
    assert HASHER.verify(HASHER.hash("blaugrün"), "blaugru\u0308n") is True
    assert HASHER.verify(HASHER.hash("blaugru\u0308n"), "blaugrün") is True
    assert HASHER.verify(HASHER.hash("ᾂ" * 256), "α\u0313\u0300\u0345" * 256) is True
    assert HASHER.verify(HASHER.hash("office chair"), "oﬃce chair") is False  # compatible is not canonical


@pytest.mark.parametrize(
    "password", ["", "x" * 257, "x" * 65_536, "\u0316\u0301" * 32_768, "\ud800", "a\x00b"]
)
def test_what_could_never_be_chosen_is_compared_and_wrong(password: str) -> None:
    assert HASHER.verify(HASHER.hash("x" * 256), password) is False
    assert HASHER.verify_dummy(password) is False


@pytest.mark.parametrize("stored", ["", "broken", "$argon2id$broken"])
def test_a_broken_hash_is_an_error_and_not_a_wrong_password(stored: str) -> None:
    with pytest.raises((InvalidHashError, VerificationError)):
        HASHER.verify(stored, "correct horse")


@pytest.mark.parametrize(
    ("old", "rehash"),
    [
        ((256, 2, 2), False),
        ((128, 2, 2), True),
        ((256, 1, 2), True),
        ((1024, 1, 2), True),
        ((256, 2, 1), True),
    ],
)
def test_a_hash_is_outdated_once_a_parameter_has_grown(old: tuple[int, int, int], *, rehash: bool) -> None:
    memory, time_cost, parallelism = old
    stored = make_hasher(memory=memory, time_cost=time_cost, parallelism=parallelism).hash("correct horse")

    assert make_hasher(memory=256, time_cost=2, parallelism=2).needs_rehash(stored) is rehash


def test_a_hash_of_another_type_is_outdated() -> None:
    assert HASHER.needs_rehash(PasswordHasher(9, 512, 1, type=Type.I).hash("correct horse"))


@pytest.mark.parametrize(
    "use",
    [
        lambda hasher: hasher.hash("correct horse"),
        lambda hasher: hasher.verify(HASHER.hash("correct horse"), "correct horse"),
        lambda hasher: hasher.verify(HASHER.hash("correct horse"), "x" * 65_536),
        lambda hasher: hasher.verify_dummy("correct horse"),
        lambda hasher: hasher.verify_dummy("x" * 65_536),
    ],
)
def test_all_work_waits_for_a_slot(use: Callable[[Hasher], Any]) -> None:
    slots = ConcurrencyLimit(1)
    hasher = make_hasher(slots=slots)

    with slots.slot(), pytest.raises(Busy):
        use(hasher)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is that of a process")
def test_what_hashes_lets_everything_else_go_first() -> None:
    hasher = make_hasher()
    hasher.hash("correct horse")

    hashing = [thread.native_id or 0 for thread in threading.enumerate() if thread.name.startswith("hash")]

    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert {os.getpriority(os.PRIO_PROCESS, number) for number in hashing} == {min(19, own + NICENESS)}

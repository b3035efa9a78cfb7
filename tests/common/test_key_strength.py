"""Signing keys that anybody could know: published ones, placeholders, words, and what is not random."""

import base64
import hashlib
import os
import secrets
from pathlib import Path

import pytest

from auth_service.cli.key_file import make_key_file
from common.tokens.keys import PUBLISHED, BadKeys, check_secret, read_keys
from tests.cases import every
from tools.published_secrets import DIGEST, EXAMPLES


def refusal(secret: bytes) -> str:
    """Return why the key is refused, or nothing."""
    try:
        check_secret(secret)
    except BadKeys as refused:
        return str(refused)
    return ""


@every("secret", [each.encode() for each in EXAMPLES])
def test_an_example_is_refused_and_not_shown(secret: bytes) -> None:
    assert refusal(secret)
    assert secret.decode() not in refusal(secret)


@every(
    "secret",
    [
        "0069c482-d42c-4e4b-bae9-893749215257",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "$gbK!srXc2Oivn8ZjHa8WRel&Zy4481W",
        "004f2af45d3a4e161a7dd2d17fdae47f",
    ],
)
def test_a_published_secret_is_refused(secret: str) -> None:
    assert refusal(secret.encode())


def test_the_list_is_what_its_readme_says() -> None:
    digests = PUBLISHED.read_bytes()
    listed = {digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)}

    assert len(digests) == DIGEST * len(listed)
    assert len(listed) > 19_000
    assert hashlib.sha256(EXAMPLES[0].encode()).digest()[:DIGEST] in listed


@every(
    "secret",
    [
        "thisismysecretkeyforjwttokensinthebookstore",
        "correct-horse-battery-staple-and-a-few-more",
        "My Super Secret Key That Is Long Enough 2024",
        "THIS_IS_THE_SECRET_OF_THE_BOOKSTORE_SERVICES",
        "BookstoreServicesSecretSigningKey123",
    ],
)
def test_words_in_a_row_are_refused(secret: str) -> None:
    assert "not random" in refusal(secret.encode())


@every(
    "secret",
    [b"0123456789abcde" * 4, b"q8" * 40, bytes(range(15)) * 3, b"0011223344556677" * 4],
)
def test_fewer_than_16_different_bytes_are_refused(secret: bytes) -> None:
    assert "not random" in refusal(secret)


@every("make", [os.urandom, secrets.token_hex, secrets.token_urlsafe])
def test_random_secrets_of_every_spelling_pass(make: object) -> None:
    assert callable(make)
    made = [make(32) for _ in range(20)]

    assert {refusal(each if isinstance(each, bytes) else each.encode()) for each in made} == {""}


def test_base64_passes() -> None:
    assert refusal(base64.b64encode(bytes.fromhex("8f1d6a0be7724c935bd0f3a61ec4982d" * 2))) == ""


def test_the_keys_of_keys_init_pass(tmp_path: Path) -> None:
    for number in range(20):
        assert make_key_file(tmp_path / f"{number}.json")
        read_keys(tmp_path / f"{number}.json")


def test_an_attempt_with_a_long_text_takes_no_time() -> None:
    with pytest.raises(BadKeys, match="not random"):
        check_secret(b"Abc" * 50_000 + b"defghijklmnopqrst")
    check_secret(b"abcdefghijklmnopqrstuvwx " * 4_000 + b"\xff")


def test_a_secret_of_32_random_digits_passes() -> None:
    assert [each for each in (secrets.token_hex(16) for _ in range(50)) if refusal(each.encode())] == []


def test_random_letters_are_no_words() -> None:
    assert not refusal(b"xkqzvwbnmtrplhgfdsajyeiouxcvbnmqwz")

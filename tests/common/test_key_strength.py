"""Signing keys that anybody could know: published ones, placeholders, words, and what is not random."""

import base64
import hashlib
import os
import secrets

import pytest

from common.tokens.keys import PUBLISHED, BadKeys, check_secret
from tests.cases import every
from tools.published_secrets import DIGEST, EXAMPLES


def refusal(secret: bytes) -> str:
    """Return why the key is refused, or nothing."""
    try:
        check_secret(secret)
    except BadKeys as refused:
        return str(refused)
    return ""


FOUND = [
    "0069c482-d42c-4e4b-bae9-893749215257",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "$gbK!srXc2Oivn8ZjHa8WRel&Zy4481W",
    "004f2af45d3a4e161a7dd2d17fdae47f",
]


@every("secret", [*EXAMPLES, *FOUND])
def test_a_published_secret_is_refused_and_not_shown(secret: str) -> None:
    assert (line := refusal(secret.encode()))
    assert secret not in line


def test_the_list_is_what_its_readme_says() -> None:
    digests = PUBLISHED.read_bytes()
    listed = {digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)}

    assert len(digests) == DIGEST * len(listed)
    assert len(listed) > 19_000
    assert hashlib.sha256(EXAMPLES[0].encode()).digest()[:DIGEST] in listed


@every(
    "secret",
    [
        b"thisismysecretkeyforjwttokensinthebookstore",
        b"correct-horse-battery-staple-and-a-few-more",
        b"My Super Secret Key That Is Long Enough 2024",
        b"THIS_IS_THE_SECRET_OF_THE_BOOKSTORE_SERVICES",
        b"BookstoreServicesSecretSigningKey123",
        *(b"0123456789abcde" * 4, b"q8" * 40, bytes(range(15)) * 3, b"0011223344556677" * 4, bytes(32)),
        b"CHANGEME0123456789abcdefghijklmnopqrst",
        b"your-secret-key-goes-in-this-place-0123",
        b"placeholder-placeholder-placeholder-0",
        b"replace-this-with-a-long-random-text-00",
    ],
)
def test_placeholders_words_in_a_row_and_fewer_than_16_different_bytes_are_refused(secret: bytes) -> None:
    assert "not random" in refusal(secret)


def test_random_secrets_of_every_spelling_pass() -> None:
    made = [base64.b64encode(bytes.fromhex("8f1d6a0be7724c935bd0f3a61ec4982d" * 2))]
    made.append(b"xkqzvwbnmtrplhgfdsajyeiouxcvbnmqwz")  # letters, and no words
    made += [os.urandom(32) for _ in range(5)]
    made += [secrets.token_urlsafe(32).encode() for _ in range(5)]
    made += [secrets.token_hex(size).encode() for size in (16, 32) for _ in range(10)]

    assert [each for each in made if refusal(each)] == []


def test_an_attempt_with_a_long_text_takes_no_time() -> None:
    with pytest.raises(BadKeys, match="not random"):
        check_secret(b"Abc" * 50_000 + b"defghijklmnopqrst")
    check_secret(b"abcdefghijklmnopqrstuvwx " * 4_000 + b"\xff")

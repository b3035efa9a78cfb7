"""The key file: which keys it gives, what is refused, and keys that anybody could know."""

import base64
import hashlib
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

import pytest

from common.tokens.keys import PUBLISHED, BadKeys, check_secret, check_status, read_keys, single_key
from tests.cases import every
from tools.published_secrets import DIGEST, EXAMPLES

Jwk = dict[str, Any]

GOOD = b"0123456789abcdefghijklmnopqrstuv"
MOUNTED = "/run/secrets/keys.json"
SOMEBODY_ELSE = os.geteuid() + 1


def jwk(secret: bytes | None = None, **members: Any) -> Jwk:
    """Return a key that signs and verifies, unless `members` say otherwise; None leaves a member out."""
    value = base64.urlsafe_b64encode(secret or secrets.token_bytes(32)).decode().rstrip("=")
    made = {"kty": "oct", "kid": secrets.token_hex(8), "key_ops": ["sign", "verify"], "k": value} | members
    return {name: value for name, value in made.items() if value is not None}


def write(path: Path, *keys: Jwk, text: str = "", mode: int = 0o600) -> None:
    """Replace the key file as a whole, by these keys or this text."""
    aside = path.with_suffix(".new")
    aside.write_text(text or json.dumps({"keys": keys}))
    aside.chmod(mode)
    aside.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def refusal(path: Path) -> str:
    """Return why the file is refused."""
    with pytest.raises(BadKeys) as refused:
        read_keys(path)
    return str(refused.value)


def status(mode: int, *, owner: int | None = None, kind: int = stat.S_IFREG) -> os.stat_result:
    """Return what is said of a file of this mode, ours unless it has another owner."""
    owner = os.geteuid() if owner is None else owner
    return os.stat_result((kind | mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))


def test_the_first_key_that_may_sign_signs_and_every_key_with_verify_verifies(path: Path) -> None:
    verifies, signs, also = jwk(key_ops=["verify"]), jwk(note="whatever", use="sig", exp=1), jwk()
    write(path, verifies, signs, also, jwk(kid="x", key_ops=["encrypt"]))

    keys = read_keys(path)

    assert keys.signing.id == signs["kid"]
    assert set(keys.verifying) == {verifies["kid"], signs["kid"], also["kid"]}


@every(
    "content, reason",
    [(content, "is empty") for content in (b"", b" ", b"\n\t\n")]
    + [(content, "no JWK Set") for content in (b"\xff\xfe\x00", b"{", b"null", b"[]", b"{}", b"[" * 100_000)]
    + [(b'{"keys":%s}' % keys, "no JWK Set") for keys in (b"null", b"{}", b'["x"]')]
    + [(b'{"keys":[]}', "no key has sign")],
)
def test_what_is_no_jwk_set_is_refused(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    path.chmod(0o600)

    assert reason in refusal(path)


NOT_OCT: list[Jwk] = [{"kty": "RSA"}, {"kty": None}, {"alg": "HS512"}, {"alg": "none"}]
NO_KEY: list[Jwk] = [{"kid": None}, {"kid": ""}, {"kid": 1}, {"k": None}, {"k": 1}]
NO_KEY += [{"k": "not base64url!" * 5}, {"k": "é" * 50}, {"k": "A" * 43 + "=" * 4}]
NO_KEY += [{"key_ops": None}, {"key_ops": "sign"}, {"key_ops": [1]}, {"key_ops": {"sign": 1, "verify": 1}}]


@every(
    "keys, reason",
    [([jwk(**members)], "no oct key for HS256") for members in NOT_OCT]
    + [([jwk(**members)], "") for members in NO_KEY]
    + [([jwk(key_ops=["verify"])], "no key has sign"), ([jwk(key_ops=["sign"])], "does not verify")]
    + [([jwk(GOOD[:31])], "32 bytes"), ([jwk(), jwk(b"short")], "32 bytes")]  # one spoils the set
    + [([jwk(kid="x"), jwk(kid="x")], "one kid"), ([jwk(b"CHANGEME" * 5)], "placeholder")],
)
def test_keys_that_cannot_be_used_are_refused_with_the_reason_and_not_shown(
    path: Path, keys: list[Jwk], reason: str
) -> None:
    write(path, *keys)

    assert reason in refusal(path)
    assert str(keys[-1].get("k")) not in refusal(path)


def test_a_single_secret_is_a_set_of_one() -> None:
    keys = single_key(GOOD.decode())

    assert list(keys.verifying.values()) == [keys.signing]
    assert keys.signing.secret == GOOD
    assert keys.signing.id == single_key(GOOD.decode()).signing.id
    assert keys.signing.id not in GOOD.decode()
    assert GOOD.decode() not in repr(keys)
    with pytest.raises(BadKeys, match="a key is shorter than 32 bytes"):
        single_key(GOOD.decode()[:31])


@every(
    "name, found",
    [(MOUNTED, status(mode)) for mode in (0o400, 0o444, 0o440, 0o600, 0o644, 0o555)]
    + [(f"/run/secrets/{name}", status(0o444, owner=SOMEBODY_ELSE)) for name in ("keys", "a/b", "a/../b")]
    + [("/run/x/../secrets//keys", status(0o444)), ("/run/secrets/../x/../secrets/k", status(0o444))]
    + [("keys.json", status(0o600, owner=owner)) for owner in (os.geteuid(), 0)],
)
def test_a_private_file_of_ours_or_of_the_system_is_read_and_a_secret_that_is_mounted(
    name: str, found: os.stat_result
) -> None:
    check_status(Path(name), found)


ELSEWHERE = ["/run/secrets", "/run/secrets/../keys.json", "/run/secrets/a/../../keys.json", "/run/keys.json"]
ELSEWHERE += ["/run/secrets/../secrets-of-others/keys.json", "/run/secrets2/keys.json", "keys.json"]
ELSEWHERE += ["/srv/run/secrets/keys.json", "run/secrets/keys.json"]
KINDS = [stat.S_IFIFO, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK]


@every(
    "name, found, reason",
    [(name, status(0o444), "0600") for name in ELSEWHERE]
    + [("keys.json", status(mode), "0600") for mode in (0o640, 0o604, 0o660, 0o602, 0o610, 0o777)]
    + [(MOUNTED, status(mode), "written by others") for mode in (0o620, 0o602, 0o664, 0o646, 0o777)]
    + [("keys.json", status(0o600, owner=SOMEBODY_ELSE), "another user")]
    + [(name, status(0o600, kind=kind), "no regular file") for name in (MOUNTED, "x") for kind in KINDS],
)
def test_any_other_file_is_refused(name: str, found: os.stat_result, reason: str) -> None:
    with pytest.raises(BadKeys, match=reason):
        check_status(Path(name), found)


FOUND = ["0069c482-d42c-4e4b-bae9-893749215257", "004f2af45d3a4e161a7dd2d17fdae47f"]
FOUND += ["09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"]
FOUND += ["$gbK!srXc2Oivn8ZjHa8WRel&Zy4481W"]


@every("secret", [*EXAMPLES, *FOUND])
def test_a_published_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(BadKeys) as refused:
        check_secret(secret.encode())

    assert secret not in str(refused.value)


def test_the_list_of_published_secrets_is_what_its_readme_says() -> None:
    digests = PUBLISHED.read_bytes()
    listed = {digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)}

    assert len(digests) == DIGEST * len(listed)
    assert len(listed) > 19_000
    assert hashlib.sha256(EXAMPLES[0].encode()).digest()[:DIGEST] in listed


@every(
    "secret",
    [b"thisismysecretkeyforjwttokensinthebookstore", b"correct-horse-battery-staple-and-a-few-more"]
    + [b"My Super Secret Key That Is Long Enough 2024", b"THIS_IS_THE_SECRET_OF_THE_BOOKSTORE_SERVICES"]
    + [b"BookstoreServicesSecretSigningKey123", b"CHANGEME0123456789abcdefghijklmnopqrst"]
    + [b"0123456789abcde" * 4, b"q8" * 40, bytes(range(15)) * 3, b"0011223344556677" * 4, bytes(32)]
    + [b"your-secret-key-goes-in-this-place-0123", b"placeholder-placeholder-placeholder-0"]
    + [b"replace-this-with-a-long-random-text-00", b"Abc" * 50_000 + b"defghijklmnopqrst"],
)
def test_placeholders_words_in_a_row_and_fewer_than_16_different_bytes_are_refused(secret: bytes) -> None:
    with pytest.raises(BadKeys, match="not random"):
        check_secret(secret)


def test_random_secrets_of_every_spelling_pass() -> None:
    made = [base64.b64encode(bytes.fromhex("8f1d6a0be7724c935bd0f3a61ec4982d" * 2))]
    made.append(b"xkqzvwbnmtrplhgfdsajyeiouxcvbnmqwz")  # letters, and no words
    made.append(b"abcdefghijklmnopqrstuvwx " * 4_000 + b"\xff")  # which takes no time
    made += [os.urandom(32), secrets.token_urlsafe(32).encode()]
    made += [secrets.token_hex(size).encode() for size in (16, 32) for _ in range(10)]

    for secret in made:
        check_secret(secret)

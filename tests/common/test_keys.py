"""The key file: what is refused, and how a changed one is noticed."""

import json
from pathlib import Path

import pytest

from common.tokens.keys import BadKeys, read_keys
from tests.cases import every
from tests.common.jwks import jwk, write, write_text

GOOD = b"0123456789abcdefghijklmnopqrstuv"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def refusal(path: Path) -> str:
    """Return why the file is refused."""
    with pytest.raises(BadKeys) as refused:
        read_keys(path)
    return str(refused.value)


def test_the_first_key_that_may_sign_signs_and_every_key_with_verify_verifies(path: Path) -> None:
    verifies, signs, also = jwk(key_ops=["verify"]), jwk(), jwk()
    write(path, verifies, signs, also)

    keys = read_keys(path)

    assert keys.signing.id == signs["kid"]
    assert set(keys.verifying) == {verifies["kid"], signs["kid"], also["kid"]}


def test_a_key_without_verify_does_not_verify(path: Path) -> None:
    write(path, jwk(), jwk(kid="x", key_ops=["encrypt"]))

    assert "x" not in read_keys(path).verifying


@pytest.mark.parametrize("name", ["iat", "exp", "use", "note"])
def test_other_members_of_a_key_are_ignored(path: Path, name: str) -> None:
    write(path, jwk() | {name: "whatever"})

    assert len(read_keys(path).verifying) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "missing"), (b"", "empty"), (b" ", "empty"), (b"\n\t\n", "empty"), (b"\xff\xfe\x00", "")],
)
def test_a_file_with_no_text_in_it_is_refused(path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)

    assert reason in refusal(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o610, 0o777])
def test_a_file_that_is_too_open_is_refused(path: Path, mode: int) -> None:
    write_text(path, json.dumps({"keys": [jwk()]}), mode=mode)

    assert "0600" in refusal(path)


@pytest.mark.parametrize(
    "text",
    ["{", "null", "[]", "{}", '{"keys":null}', '{"keys":{}}', '{"keys":["x"]}', '{"keys":[]}', "[" * 100_000],
    ids=lambda text: text[:20],
)
def test_what_is_no_jwk_set_is_refused(path: Path, text: str) -> None:
    write_text(path, text)

    assert refusal(path)


@every(
    "members",
    [{"kty": "RSA"}, {"kty": None}, {"alg": "HS512"}, {"alg": "none"}, {"kid": None}, {"kid": ""}, {"kid": 1}]
    + [{"k": None}, {"k": 1}, {"k": "not base64url!" * 5}, {"k": "é" * 50}, {"k": "A" * 43 + "=" * 4}]
    + [{"key_ops": None}, {"key_ops": "sign"}, {"key_ops": [1]}, {"key_ops": ["verify"]}]
    + [{"key_ops": ["sign"]}, {"key_ops": {"sign": 1, "verify": 1}}],
)
def test_a_key_that_cannot_be_used_is_refused(path: Path, members: dict[str, object]) -> None:
    write(path, {name: value for name, value in (jwk() | members).items() if value is not None})

    assert refusal(path)


@pytest.mark.parametrize("length", [1, 16, 31])
def test_a_short_key_is_refused_and_not_shown(path: Path, length: int) -> None:
    key = jwk(GOOD[:length])
    write(path, key)

    assert "32 bytes" in refusal(path)
    assert key["k"] not in refusal(path)


@pytest.mark.parametrize(
    "secret",
    [b"CHANGEME0123456789abcdefghijklmnopqrst", b"\x00" * 32, b"your-secret-key-goes-in-this-place-0123"]
    + [b"placeholder-placeholder-placeholder-0", b"replace-this-with-a-long-random-text-00", b"12341234" * 8],
)
def test_a_placeholder_is_refused(path: Path, secret: bytes) -> None:
    write(path, jwk(secret))

    assert "placeholder" in refusal(path)
    assert secret.decode() not in refusal(path)


def test_one_bad_key_spoils_the_set(path: Path) -> None:
    write(path, jwk(), jwk(b"short"))

    assert "32 bytes" in refusal(path)


def test_two_keys_of_one_id_are_refused(path: Path) -> None:
    write(path, jwk(kid="x"), jwk(kid="x"))

    assert "kid" in refusal(path)

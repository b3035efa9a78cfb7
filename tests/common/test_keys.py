"""The key file: which keys it gives, and what is refused."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from common.tokens import keys as key_files
from common.tokens.keys import BadKeys, Keys, check_status, read_keys, single_key
from tests.cases import every
from tests.common.jwks import Jwk, jwk, write, write_text

GOOD = b"0123456789abcdefghijklmnopqrstuv"


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


def test_a_key_that_is_not_known_yet_is_looked_for(path: Path) -> None:
    write(path, jwk())
    keys = Keys(path)
    write(path, jwk(kid="new"), *json.loads(path.read_text())["keys"])

    found = keys.find("new")

    assert found == read_keys(path).signing
    assert keys.find("nobody's") is None


def test_the_first_key_that_may_sign_signs_and_every_key_with_verify_verifies(path: Path) -> None:
    verifies, signs, also = jwk(key_ops=["verify"]), jwk(), jwk()
    write(path, verifies, signs, also, jwk(kid="x", key_ops=["encrypt"]))

    keys = read_keys(path)

    assert keys.signing.id == signs["kid"]
    assert set(keys.verifying) == {verifies["kid"], signs["kid"], also["kid"]}


@every("name", ["iat", "exp", "use", "note"])
def test_other_members_of_a_key_are_ignored(path: Path, name: str) -> None:
    write(path, jwk() | {name: "whatever"})

    assert len(read_keys(path).verifying) == 1


def test_a_file_that_is_not_there_is_refused(path: Path) -> None:
    assert "missing" in refusal(path)


@every("content, reason", [(b"", "empty"), (b" ", "empty"), (b"\n\t\n", "empty"), (b"\xff\xfe\x00", "")])
def test_a_file_with_no_text_in_it_is_refused(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    path.chmod(0o600)

    assert reason in refusal(path)


@every("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o610, 0o777])
def test_a_file_that_is_too_open_is_refused(path: Path, mode: int) -> None:
    write_text(path, json.dumps({"keys": [jwk()]}), mode=mode)

    assert "0600" in refusal(path)


@every(
    "text",
    ["{", "null", "[]", "{}", '{"keys":null}', '{"keys":{}}', '{"keys":["x"]}', '{"keys":[]}', "[" * 100_000],
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
def test_a_key_that_cannot_be_used_is_refused(path: Path, members: dict[str, Any]) -> None:
    write(path, jwk(**members))

    assert refusal(path)


@every(
    "keys, reason",
    [
        ([jwk(GOOD[:1])], "32 bytes"),
        ([jwk(GOOD[:16])], "32 bytes"),
        ([jwk(GOOD[:31])], "32 bytes"),
        ([jwk(), jwk(b"short")], "32 bytes"),  # one spoils the set
        ([jwk(kid="x"), jwk(kid="x")], "kid"),
        ([jwk(b"CHANGEME0123456789abcdefghijklmnopqrst")], "placeholder"),
        ([jwk(b"\x00" * 32)], "placeholder"),
        ([jwk(b"your-secret-key-goes-in-this-place-0123")], "placeholder"),
        ([jwk(b"placeholder-placeholder-placeholder-0")], "placeholder"),
        ([jwk(b"replace-this-with-a-long-random-text-00")], "placeholder"),
        ([jwk(b"12341234" * 8)], "placeholder"),
    ],
)
def test_keys_that_are_no_secret_are_refused_with_the_reason_and_not_shown(
    path: Path, keys: list[Jwk], reason: str
) -> None:
    write(path, *keys)

    assert reason in refusal(path)
    assert keys[-1]["k"] not in refusal(path)


def test_a_single_secret_is_a_set_of_one() -> None:
    keys = single_key(GOOD.decode())

    assert list(keys.verifying.values()) == [keys.signing]
    assert keys.signing.secret == GOOD
    assert keys.signing.id == single_key(GOOD.decode()).signing.id
    assert keys.signing.id not in GOOD.decode()


@every("secret", ["", "tooshort", GOOD.decode()[:31], "changeme" * 8, "x" * 100])
def test_a_bad_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(BadKeys) as refused:
        single_key(secret)

    assert not secret or secret not in str(refused.value)


@every("mode", [0o400, 0o444, 0o440, 0o600, 0o644, 0o555])
def test_a_mounted_secret_may_be_readable_by_others(
    path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setattr(key_files, "SECRETS", path.parent)  # /run is not the tests' to write to
    key = jwk()
    write_text(path, json.dumps({"keys": [key]}), mode=mode)

    assert read_keys(path).signing.id == key["kid"]


@every("mode", [0o620, 0o602, 0o664, 0o646, 0o666, 0o777])
def test_a_mounted_secret_that_others_can_write_to_is_refused(mode: int) -> None:
    with pytest.raises(BadKeys, match="written by others"):
        check_status(Path("/run/secrets/keys.json"), status(mode))


@every("name", ["keys", "a/b.json", "../secrets//keys", "a/../b", "../x/../secrets/k"])
def test_a_mounted_secret_is_known_by_its_path(name: str) -> None:
    check_status(Path(f"/run/secrets/{name}"), status(0o444, owner=os.geteuid() + 1))


@every(
    "name",
    ["/run/secrets", "/run/secrets/../keys.json", "/run/secrets/a/../../keys.json"]
    + ["/run/secrets/../secrets-of-others/keys.json", "/run/secrets2/keys.json", "/run/keys.json"]
    + ["/srv/run/secrets/keys.json", "run/secrets/keys.json", "keys.json"],
)
def test_no_other_path_may_be_readable_by_others(name: str) -> None:
    with pytest.raises(BadKeys, match="0600"):
        check_status(Path(name), status(0o444))


@every("owner, is_ours", [(os.geteuid(), True), (0, True), (os.geteuid() + 1, False)])
def test_the_file_is_ours_or_the_systems(owner: int, is_ours: bool) -> None:
    if is_ours:
        check_status(Path("keys.json"), status(0o600, owner=owner))
    else:
        with pytest.raises(BadKeys, match="another user"):
            check_status(Path("keys.json"), status(0o600, owner=owner))


@every("kind", [stat.S_IFIFO, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
@every("name", ["/run/secrets/keys.json", "keys.json"])
def test_what_is_no_file_is_refused(name: str, kind: int) -> None:
    with pytest.raises(BadKeys, match="no regular file"):
        check_status(Path(name), status(0o600, kind=kind))

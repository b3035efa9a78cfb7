"""The key file: which keys it gives, and what is refused."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from common.tokens.keys import BadKeys, Keys, check_status, read_keys, single_key
from tests.cases import every
from tests.common.jwks import Jwk, jwk, write, write_text

GOOD = b"0123456789abcdefghijklmnopqrstuv"
MOUNTED = "/run/secrets/keys.json"
SOMEBODY_ELSE = os.geteuid() + 1


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
    verifies, signs, also = jwk(key_ops=["verify"]), jwk(note="whatever", use="sig", exp=1), jwk()
    write(path, verifies, signs, also, jwk(kid="x", key_ops=["encrypt"]))

    keys = read_keys(path)

    assert keys.signing.id == signs["kid"]
    assert set(keys.verifying) == {verifies["kid"], signs["kid"], also["kid"]}


def test_a_file_that_is_not_there_is_refused(path: Path) -> None:
    assert "missing" in refusal(path)


@every("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o610, 0o777])
def test_a_file_that_is_too_open_is_refused(path: Path, mode: int) -> None:
    write_text(path, json.dumps({"keys": [jwk()]}), mode=mode)

    assert "0600" in refusal(path)


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


NOT_OCT: list[dict[str, Any]] = [{"kty": "RSA"}, {"kty": None}, {"alg": "HS512"}, {"alg": "none"}]
NO_KEY: list[dict[str, Any]] = [{"kid": None}, {"kid": ""}, {"kid": 1}, {"k": None}, {"k": 1}]
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
    + [(MOUNTED, status(mode), "written by others") for mode in (0o620, 0o602, 0o664, 0o646, 0o777)]
    + [("keys.json", status(0o600, owner=SOMEBODY_ELSE), "another user")]
    + [(name, status(0o600, kind=kind), "no regular file") for name in (MOUNTED, "x") for kind in KINDS],
)
def test_any_other_file_is_refused(name: str, found: os.stat_result, reason: str) -> None:
    with pytest.raises(BadKeys, match=reason):
        check_status(Path(name), found)

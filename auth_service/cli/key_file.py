"""Owns the files with secrets: made once, the key file rotated in two steps and replaced as a whole."""

import base64
import fcntl
import json
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.tokens.access import ACCESS_LIFETIME, LEEWAY
from common.tokens.keys import BadKeys, parse, read_jwks

SECRET_LENGTH = 32  # bytes
LATEST = 253402300800  # the year 10000, in seconds since the epoch
FOLLOW = 2.0  # seconds after which everybody has read a changed file
# Seconds after which the last token of a key is dead: until it is read that another signs, it still does.
AGES = int(ACCESS_LIFETIME.total_seconds()) + LEEWAY + math.ceil(FOLLOW)

Jwk = dict[str, Any]


class NotYet(Exception):
    """A key whose tokens may still be alive; `seconds` tells for how long."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def make(path: Path) -> bool:
    """Make the file with one key, readable by its owner alone; return False and keep it if it is there."""
    return _make(path, lambda: _jwk_set([_new_key(["sign", "verify"])]), mode=0o600)


def make_password(path: Path) -> bool:
    """Make the file with a random password; return False and keep it if it is there.

    Everybody can read it whom the folder lets in: the database runs as another user.
    """
    return _make(path, lambda: secrets.token_urlsafe(SECRET_LENGTH), mode=0o444)


def _make(path: Path, text: Callable[[], str], *, mode: int) -> bool:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return False
    temporary = _write_aside(path, text(), mode=mode)
    try:
        os.link(temporary, path)  # unlike a rename, this never replaces what another process just made
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def rotate(path: Path, *, follow: float = FOLLOW) -> str:
    """Let a new key sign and the old ones verify; return its `kid`.

    First every verifier learns the key, and only then does it sign: no token is ever seen before its key.
    """
    with _locked(path):
        jwks = read_jwks(path)
        parse(jwks)
        new = _new_key(["verify"])
        _replace(path, [*jwks, new])
        time.sleep(follow)
        now = int(time.time())
        old = [{**jwk, "key_ops": ["verify"], "exp": time_of(jwk, "exp") or now + AGES} for jwk in jwks]
        _replace(path, [{**new, "key_ops": ["sign", "verify"]}, *old])
        return str(new["kid"])


def retire(path: Path, kid: str, *, force: bool = False) -> None:
    """Take a key out that no longer signs; raise `NotYet` while a token of it may be alive, unless forced."""
    with _locked(path):
        jwks = read_jwks(path)
        found = [jwk for jwk in jwks if jwk.get("kid") == kid]
        if not found:
            raise BadKeys("there is no such key")
        if parse(jwks).signing.id == kid:
            raise BadKeys("this key signs; rotate first")
        left = [jwk for jwk in jwks if jwk not in found]
        now = int(time.time())
        dead_at = time_of(found[0], "exp")
        remaining = AGES if dead_at is None else dead_at - now
        if remaining > 0 and not force:
            raise NotYet(remaining)
        _replace(path, left)


def time_of(jwk: Jwk, name: str) -> int | None:
    """Return a time, in seconds since the epoch, that we wrote into a key; others may have none."""
    value = jwk.get(name)
    return value if type(value) is int and 0 <= value < LATEST else None


def _new_key(operations: list[str]) -> Jwk:
    secret = base64.urlsafe_b64encode(secrets.token_bytes(SECRET_LENGTH)).decode().rstrip("=")
    return {
        "kty": "oct",
        "kid": secrets.token_hex(8),
        "alg": "HS256",
        "key_ops": operations,
        "iat": int(time.time()),
        "k": secret,
    }


def _jwk_set(jwks: list[Jwk]) -> str:
    return json.dumps({"keys": jwks}, indent=1)


def _write_aside(path: Path, text: str, *, mode: int = 0o600) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)  # whatever the umask says
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _replace(path: Path, jwks: list[Jwk]) -> None:
    """Put a new file in the place of the old one: a reader sees the one or the other, whole."""
    _write_aside(path, _jwk_set(jwks)).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one change of the file follow the other."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

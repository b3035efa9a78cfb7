"""The files with secrets: made once; the key file is rotated in two steps and replaced as a whole."""

import base64
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from click import ClickException

from common.tokens.access import ACCESS_LIFETIME, LEEWAY
from common.tokens.keys import parse, read_jwks

SECRET_LENGTH = 32  # bytes
LATEST = 253402300800  # the year 10000, in seconds since the epoch
FOLLOW = 2  # seconds after which every service has read a changed file
LATE = 300  # seconds after which copies have followed that are late, as in Kubernetes
# Seconds after which the last token of a key is dead: the key still signs until the new file is read.
AGES = int(ACCESS_LIFETIME.total_seconds()) + LEEWAY + FOLLOW

Jwk = dict[str, Any]


def make_key_file(path: Path) -> bool:
    """Make the file with one key, readable by its owner alone; keep an existing one and return False."""
    return _make(path, _jwk_set([_new_key(["sign", "verify"])]), mode=0o600)


def make_password_file(path: Path) -> bool:
    """Make the file with a random password; keep an existing one and return False.

    Everybody whom the folder lets in can read it: the database runs as another user.
    """
    return _make(path, secrets.token_urlsafe(SECRET_LENGTH), mode=0o444)


def rotate(path: Path, *, follow: float = FOLLOW) -> str:
    """Let a new key sign and the old ones verify; return its `kid`.

    First every verifier learns the key, and only then does it sign: no token is ever seen before its key.
    """
    kid = add(path)
    time.sleep(follow)
    sign(path, kid)
    return kid


def add(path: Path) -> str:
    """Add a key that only verifies, the first step of a rotation; return its `kid`."""
    new = _new_key(["verify"])
    with _locked(path) as folder:
        jwks = read_jwks(path)
        parse(jwks)
        _write(path, _jwk_set([*jwks, new]), folder=folder)
    return str(new["kid"])


def sign(path: Path, kid: str, *, late: int = 0) -> None:
    """Let a key sign that never did, the second step of a rotation, and the others only verify.

    Copies of the file that are `late`, in seconds, let the key sign longer that signed until now.
    """
    with _locked(path) as folder:
        jwks = read_jwks(path)
        parse(jwks)
        new = _jwk_of(jwks, kid)
        if "exp" in new:
            raise ClickException("this key was replaced, and does not sign again; add another")
        new |= {"key_ops": ["sign", "verify"]}
        replaced = {"key_ops": ["verify"], "exp": int(time.time()) + AGES + late}
        old = [jwk | replaced if "sign" in jwk["key_ops"] else jwk for jwk in jwks if jwk is not new]
        _write(path, _jwk_set([new, *old]), folder=folder)


def retire(path: Path, kid: str, *, force: bool = False) -> None:
    """Take out a key that no longer signs; unless forced, not while a token of it may be alive."""
    with _locked(path) as folder:
        jwks = read_jwks(path)
        found = _jwk_of(jwks, kid)
        if parse(jwks).signing.id == kid:
            raise ClickException("this key signs; rotate first")
        dead_at, now = time_of(found, "exp"), int(time.time())
        remaining = AGES if dead_at is None else dead_at - now
        if remaining > 0 and not force:
            raise ClickException(f"tokens of this key may live for {remaining} s; --force retires it anyway")
        _write(path, _jwk_set([jwk for jwk in jwks if jwk is not found]), folder=folder)


def _jwk_of(jwks: list[Jwk], kid: str) -> Jwk:
    for jwk in jwks:
        if jwk.get("kid") == kid:
            return jwk
    raise ClickException("there is no such key")


def time_of(jwk: Jwk, name: str) -> int | None:
    """Return a time, in seconds since the epoch, that we wrote into a key; others may have none."""
    value = jwk.get(name)
    return value if type(value) is int and 0 <= value < LATEST else None


def _new_key(operations: list[str]) -> Jwk:
    secret = base64.urlsafe_b64encode(secrets.token_bytes(SECRET_LENGTH)).decode().rstrip("=")
    key = {"kty": "oct", "kid": secrets.token_hex(8), "alg": "HS256", "key_ops": operations}
    return {**key, "iat": int(time.time()), "k": secret}


def _jwk_set(jwks: list[Jwk]) -> str:
    return json.dumps({"keys": jwks}, indent=1)


def _make(path: Path, text: str, *, mode: int) -> bool:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(path) as folder:
        if path.exists():
            return False
        _write(path, text, folder=folder, mode=mode)
        return True


def _write(path: Path, text: str, *, folder: int, mode: int = 0o600) -> None:
    """Put a new file in the place of the old one: a reader sees the one or the other, whole."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask says
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
    os.fsync(folder)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Let one change of the file follow the other; lend the descriptor of its folder, which is locked."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)

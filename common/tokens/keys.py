"""Signing keys: a JWK Set of `oct` keys (RFC 7517) in a file that is read again when it changes."""

import base64
import hashlib
import hmac
import json
import os
import re
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog

from common.settings import Misconfigured, Settings

MIN_SECRET = 32  # bytes, RFC 7518 section 3.2
LOOK_EVERY = 0.5  # seconds between two looks at the file
RELOAD_EVERY = 1.0  # seconds between two looks because of a key that is unknown
PLACEHOLDER = re.compile(
    rb"change.?(me|this)|place.?holder|replace.?(me|this)|your.?(own.?)?secret", re.IGNORECASE
)
MIN_DISTINCT_BYTES = 16  # fewer in 32 is no random secret; 12 in 16, as hexadecimal digits write them
HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")
# Words of letters, none with six consonants in a row, and a number around them; a short one ends at a sign.
WORDS = re.compile(
    rb"(?!.*(?i:[b-df-hj-np-tv-xz]{6}))"
    rb"[0-9]{0,4}+(?:[A-Z]?[a-z]{2,}+|[A-Z]{2,}+|[A-Za-z]{1,2}(?![A-Za-z])|[ !',._-]{1,2}+)++[0-9]{0,4}+"
)
PUBLISHED = Path(__file__).parent / "data" / "published_secrets.bin"  # its README says what it is
SECRETS = Path("/run/secrets")  # where Compose and Swarm mount secrets, readable by all in the container

log = structlog.get_logger()


class BadKeys(ValueError):
    """Keys that cannot be used; the message says why and never shows a value."""


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)  # so that it is hashable
class KeySet:
    """The first key that may sign, and every key that verifies, by `kid`."""

    signing: Key
    verifying: Mapping[str, Key]


class Keys:
    """The keys in use: a set that stays, or the JWK Set in a file, of which a broken change is refused."""

    def __init__(self, source: KeySet | Path) -> None:
        self._path = source if isinstance(source, Path) else None
        self._lock = threading.Lock()
        self._reloaded = time.monotonic() - RELOAD_EVERY
        self._seen = _version(self._path)
        # In use: at most a second older than the file while it is watched.
        self.current = read_keys(source) if isinstance(source, Path) else source
        self.complaint: str | None = None  # why the set that is in the file now is not in use

    def watch(self) -> None:
        """Look for changes in a thread from now on, and in one of each process that is forked."""
        if self._path:
            os.register_at_fork(after_in_child=self._start)
            self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()  # a fork may have copied one that is taken
        threading.Thread(target=self._watch_forever, name="keys", daemon=True).start()

    def _watch_forever(self) -> None:
        while True:
            time.sleep(LOOK_EVERY)
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - nobody would start this thread again
                log.error("keys_not_looked_at", error=type(error).__name__)

    def find(self, kid: str) -> Key | None:
        """Return the key that verifies by this id; the file may have it already where we do not."""
        if kid not in self.current.verifying:
            self.reload()
        return self.current.verifying.get(kid)

    def reload(self) -> bool:
        """Look for a change now, at most once a second; return whether there was one."""
        now = time.monotonic()
        if now - self._reloaded < RELOAD_EVERY:
            return False
        self._reloaded = now
        return self._look()

    def _look(self) -> bool:
        """Take the keys of a file that has changed; log one that is refused once, and try it at each look."""
        with self._lock:
            version = _version(self._path)
            if self._path is None or (version == self._seen and not self.complaint):
                return False
            try:
                self.current = read_keys(self._path)
            except BadKeys as error:
                self._refuse(str(error))
                return False
            self._seen, self.complaint = version, None
            log.info("keys_loaded", signing=self.current.signing.id, verifying=sorted(self.current.verifying))
            return True

    def _refuse(self, complaint: str) -> None:
        if complaint != self.complaint:
            log.error("keys_refused", reason=complaint, in_use=sorted(self.current.verifying))
        self.complaint = complaint


def load_keys(settings: Settings) -> Keys:
    """Return the keys of a service, or raise `Misconfigured` naming the variable they come from."""
    name = "JWT_SECRET" if settings.secret else "JWT_KEYS_FILE"
    try:
        return Keys(single_key(settings.secret) if settings.secret else settings.keys_file)
    except BadKeys as error:
        raise Misconfigured(f"{settings.service}: {name}: {error}") from error


def single_key(secret: str) -> KeySet:
    """Return a set of one key; its `kid` is derived from it, so every service has the same."""
    check_secret(secret.encode())
    key = Key(hmac.digest(secret.encode(), b"kid", "sha256").hex()[:16], secret.encode())
    return KeySet(signing=key, verifying=MappingProxyType({key.id: key}))


def read_keys(path: Path) -> KeySet:
    """Return the keys in the file, or raise `BadKeys`."""
    return parse(read_jwks(path))


def read_jwks(path: Path) -> list[dict[str, Any]]:
    """Return the JWKs in the file as they stand there, or raise `BadKeys`."""
    text = _read_private(path)
    if not text.strip():
        raise BadKeys("the key file is empty")
    try:
        jwks = json.loads(text)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        jwks = None
    if not isinstance(jwks, list) or not all(isinstance(jwk, dict) for jwk in jwks):
        raise BadKeys("the key file is no JWK Set")
    return jwks


def _read_private(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO in its place keeps nobody waiting
        try:
            check_status(path, os.fstat(descriptor))
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise BadKeys("the key file is missing; `flask --app auth_service keys init` makes one") from error
    except OSError as error:
        raise BadKeys("the key file cannot be read") from error


def check_status(path: Path, status: os.stat_result) -> None:
    """Raise `BadKeys` for what is no file of ours, or one that others can read, or write if it is mounted."""
    if not stat.S_ISREG(status.st_mode):
        raise BadKeys("the key file is no regular file")
    if SECRETS in Path(os.path.normpath(path.absolute())).parents:  # by its path as it was given
        if status.st_mode & 0o022:
            raise BadKeys("the key file can be written by others; chmod it to 0444")
    elif status.st_mode & 0o077:
        raise BadKeys("the key file can be read by others; chmod it to 0600")
    elif status.st_uid not in (os.geteuid(), 0):
        raise BadKeys("the key file belongs to another user")


def parse(jwks: list[dict[str, Any]]) -> KeySet:
    """Return the set that `jwks` describe, or raise `BadKeys`."""
    keys = [parse_key(jwk) for jwk in jwks]
    if len({key.id for key, _ in keys}) != len(keys):
        raise BadKeys("two keys have one kid")
    signing = [key for key, operations in keys if "sign" in operations]
    if not signing:
        raise BadKeys("no key has sign among its key_ops")
    verifying = {key.id: key for key, operations in keys if "verify" in operations}
    if signing[0].id not in verifying:
        raise BadKeys("the key that signs does not verify")
    return KeySet(signing=signing[0], verifying=MappingProxyType(verifying))


def parse_key(jwk: Mapping[str, Any]) -> tuple[Key, list[str]]:
    """Return the key and its operations, or raise `BadKeys`."""
    kid, secret, operations = jwk.get("kid"), jwk.get("k"), jwk.get("key_ops")
    if jwk.get("kty") != "oct" or jwk.get("alg", "HS256") != "HS256":
        raise BadKeys("a key is no oct key for HS256")
    if not isinstance(kid, str) or not kid:
        raise BadKeys("a key has no kid")
    if not isinstance(secret, str):
        raise BadKeys("a key has no k")
    try:
        value = base64.b64decode(secret + "=" * (-len(secret) % 4), b"-_", validate=True)
    except ValueError as error:
        raise BadKeys("a k is not base64url") from error
    check_secret(value)
    if not isinstance(operations, list) or not all(isinstance(item, str) for item in operations):
        raise BadKeys("a key has no list of key_ops")
    return Key(kid, value), operations


def check_secret(secret: bytes) -> None:
    """Raise `BadKeys` for a secret that is short or plainly not random."""
    if len(secret) < MIN_SECRET:
        raise BadKeys(f"a key is shorter than {MIN_SECRET} bytes")
    random = bytes.fromhex(secret.decode()) if HEX.fullmatch(secret) else secret
    is_repeated = len(set(random)) < min(MIN_DISTINCT_BYTES, len(random) * 3 // 4)
    if PLACEHOLDER.search(secret) or WORDS.fullmatch(secret) or is_repeated:
        raise BadKeys("a key is a placeholder, not random")
    if is_published(secret):
        raise BadKeys("a key was published: it is a known example, or somebody's whose source is public")


def is_published(secret: bytes) -> bool:
    """Return whether the secret is on the list of those that were found in public."""
    digest, digests = hashlib.sha256(secret).digest()[:8], PUBLISHED.read_bytes()
    return digest in {digests[at : at + 8] for at in range(0, len(digests), 8)}


def _version(path: Path | None) -> tuple[int, ...] | None:
    """Return what changes whenever the file does, or None where there is none."""
    try:
        status = path.stat() if path else None
    except OSError:
        status = None
    return status and (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)

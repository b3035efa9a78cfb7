"""The tokens of a session, and where they are kept from one program to the next."""

import json
import threading
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from filelock import FileLock
from platformdirs import user_state_path

try:
    import keyring
    from keyring.errors import KeyringError
except ImportError:  # an extra
    keyring, KeyringError = None, OSError

KEYRING_SERVICE = "bookstore"
STORE_ERRORS = (OSError, KeyringError)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login yields."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float  # of the access token, in seconds since the epoch, by this machine's clock


class TokenStore(Protocol):
    """Keeps the tokens of one session; who saves holds the lock."""

    def lock(self) -> AbstractContextManager[object]:
        """Return a lock that all who use the session wait for."""

    def load(self) -> Tokens | None:
        """Return the tokens, or None if nobody is logged in."""

    def save(self, tokens: Tokens | None) -> None:
        """Keep the tokens; None forgets them."""


class MemoryStore:
    """Keeps the tokens as long as the program runs, for all its threads, but not for its forks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None

    def lock(self) -> AbstractContextManager[object]:
        return self._lock

    def load(self) -> Tokens | None:
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        self._tokens = tokens


class FileStore:
    """Keeps the tokens in a file that only its owner can read, for all threads and programs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lock(self) -> AbstractContextManager[object]:
        """Return a new lock: one that was made before a fork does not lock in the child."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLock(f"{self.path}.lock", mode=0o600)

    def load(self) -> Tokens | None:
        try:
            return _from_text(self.path.read_text())
        except FileNotFoundError:
            return None

    def save(self, tokens: Tokens | None) -> None:
        if tokens is None:
            self.path.unlink(missing_ok=True)
            return
        unfinished = Path(f"{self.path}.unfinished")  # no other store's, as the lock
        unfinished.unlink(missing_ok=True)  # of a program that was killed
        unfinished.touch(mode=0o600, exist_ok=False)  # nobody else can have made it to read along
        unfinished.write_text(json.dumps(asdict(tokens)))
        unfinished.replace(self.path)  # a reader sees the old tokens or the new ones


class KeyringStore(FileStore):
    """Keeps the tokens in the keyring of the user's desktop; the path names them, and the lock."""

    def load(self) -> Tokens | None:
        return _from_text(keyring.get_password(KEYRING_SERVICE, self.path.name) or "")

    def save(self, tokens: Tokens | None) -> None:
        if tokens is not None:
            keyring.set_password(KEYRING_SERVICE, self.path.name, json.dumps(asdict(tokens)))
        elif keyring.get_password(KEYRING_SERVICE, self.path.name) is not None:
            keyring.delete_password(KEYRING_SERVICE, self.path.name)


def store_for(auth_url: str) -> TokenStore:
    """Return where this machine keeps the tokens of that service: the keyring if it has one, or a file."""
    path = user_state_path("bookstore") / f"{quote(auth_url.rstrip('/'), safe='')}.json"
    if keyring is not None and keyring.get_keyring().priority >= 1:  # below it are those that keep nothing
        return KeyringStore(path)
    return FileStore(path)


def _from_text(text: str) -> Tokens | None:
    try:
        return Tokens(**json.loads(text))
    except (TypeError, ValueError):  # empty, or not written by this version
        return None

"""The text of a refresh token: `<session id>.<32 bytes, base64url>`; the database has only its digest.

To compute the first 24 bytes takes a signing key, so a copy of the database lets nobody do it. The last 8 are
a mark: a MAC of the others under the seed, which only the session's row has. It shows that the session issued
the token, however long ago and with whatever key, without a row for each.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from common.tokens.keys import Key

SEED_SIZE = 32  # bytes
SECRET_SIZE = 24  # bytes, without the mark
MARK_SIZE = 8  # bytes


def first_token() -> tuple[str, dict[str, Any]]:
    """Return a new session's first token, without the session id, and what its row says of its tokens."""
    seed = secrets.token_bytes(SEED_SIZE)
    token = _marked(secrets.token_bytes(SECRET_SIZE), seed)
    return token, {"seed": seed, "token_number": 0, "token_digest": digest_of(token)}


def compute_token(key: Key, *, session_id: str, number: int, seed: bytes) -> str:
    """Return the token of this number, the same every time, without the session id."""
    # The word and the colons keep it apart from all else that the key signs.
    message = f"refresh:{session_id}:{number}:".encode() + seed
    return _marked(hmac.digest(key.secret, message, "sha256")[:SECRET_SIZE], seed)


def has_mark(token: str, seed: bytes) -> bool:
    """Return whether the session with this seed once issued the token, which has 43 letters of base64url."""
    secret = urlsafe_b64decode(f"{token}=")[:SECRET_SIZE]
    return hmac.compare_digest(_marked(secret, seed), token)


def digest_of(token: str) -> bytes:
    """Return what the database stores of a token."""
    return hashlib.sha256(token.encode()).digest()


def _marked(secret: bytes, seed: bytes) -> str:
    mark = hmac.digest(seed, secret, "sha256")[:MARK_SIZE]
    return urlsafe_b64encode(secret + mark).decode().rstrip("=")

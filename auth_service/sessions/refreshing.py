"""The use of a refresh token: it yields a successor, or it ends the session if it is used too late.

A token stays good until its successor is first used, and until then it yields the same one every time. So a
client whose answer was lost asks again, two tabs that refresh at once get equal tokens, and a stolen token is
noticed as soon as both, thief and owner, have used it.

Its text is `<session id>.<32 bytes, base64url>`; the database has only the digest. To compute the first 24
bytes takes a signing key, so a copy of the database lets nobody do it. The last 8 are a mark: a MAC of the
others under the seed, which only the session's row has. It shows that the session issued the token, however
long ago and with whatever key, without a row for each.
"""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, exists, select, update

from auth_service import audit
from auth_service.models import OldRefreshToken, Session, User, db
from auth_service.sessions.ending import END_ONE, end_of, end_sessions
from common.errors import TokenRejected
from common.tokens.access import CANONICAL_UUID4
from common.tokens.keys import Key, Keys

SEED_SIZE = 32  # bytes
SECRET_SIZE = 24  # bytes, without the mark
MARK_SIZE = 8  # bytes

_FORM = re.compile(rf"({CANONICAL_UUID4.pattern})\.([A-Za-z0-9_-]{{43}})")

_old = (OldRefreshToken.digest == bindparam("digest"), OldRefreshToken.session_id == Session.id)
FIND = (
    select(User.public_id, Session.seed, exists().where(*_old).label("is_old"))
    .join(User, User.id == Session.user_id)
    .where(Session.id == bindparam("session_id"))
)
LOCK_SESSION = (
    select(*Session.__table__.columns, User.disabled)
    .join(User, User.id == Session.user_id)
    .where(Session.id == bindparam("session_id"))
    .with_for_update(of=Session)
)
USE_SESSION = update(Session).where(Session.id == bindparam("of_session"))

Client = Mapping[str, str]  # where a session is used from: its `user_agent` and `ip`
LockedSession = Row[*tuple[Any, ...]]  # of `LOCK_SESSION`


class IssuedToken(NamedTuple):
    """A refresh token that was once issued, and whose session is kept."""

    session_id: str
    public_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Grant:
    """What a session that starts or is refreshed yields, besides an access token."""

    public_id: str
    session_id: str
    refresh_token: str = field(repr=False)
    expires_in: timedelta


def use_refresh_token(text: str, *, client: Client, keys: Keys) -> Grant:
    """Use a refresh token; return its successor, or raise `TokenRejected`.

    The lock of the session decides which use comes first; use and successor are one transaction.
    """
    token = find_refresh_token(text)
    if token is None:
        raise TokenRejected("refresh_unknown")
    with db.write() as connection:
        session = connection.execute(LOCK_SESSION, {"session_id": token.session_id}).first()
        if session is None or session.ended_at:  # or purged since the token was found
            raise TokenRejected("refresh_ended")
        if token.digest in (session.token_digest, session.previous_digest):
            return _renew(connection, token, session, client, keys)
        end_sessions(connection, END_ONE, of_session=token.session_id, why="refresh token used again")
    audit.log_refusal("refresh_reused", public_id=token.public_id, session_id=token.session_id)
    raise TokenRejected("refresh_reused")


def _renew(
    connection: Connection, token: IssuedToken, session: LockedSession, client: Client, keys: Keys
) -> Grant:
    now = datetime.now(UTC)
    created_at = min(session.created_at, now)  # a clock may have been ahead
    expires_at = end_of(created_at, now=now)
    if session.disabled or min(session.expires_at, expires_at) <= now:
        raise TokenRejected("refresh_expired")
    successor, chain = _successor_of(token, session, keys)
    used = {"created_at": created_at, "last_used_at": now, "expires_at": expires_at, **chain, **client}
    connection.execute(USE_SESSION, {"of_session": session.id, **used})
    return Grant(token.public_id, session.id, f"{session.id}.{successor}", expires_at - now)


def _successor_of(token: IssuedToken, session: LockedSession, keys: Keys) -> tuple[str, Mapping[str, object]]:
    """Return the successor, and what changes in the session's row.

    One that was issued and not used yet is computed again, as long as its key verifies.
    """
    of_it = {"session_id": session.id, "seed": session.seed}
    if token.digest == session.previous_digest and session.key_id and (key := keys.find(session.key_id)):
        successor = compute_token(key, number=session.token_number, **of_it)
        if digest_of(successor) == session.token_digest:
            return successor, {}
    number, key = session.token_number + 1, keys.current.signing
    successor = compute_token(key, number=number, **of_it)
    chain = {"token_number": number, "token_digest": digest_of(successor), "key_id": key.id}
    return successor, {**chain, "previous_digest": token.digest}


def find_refresh_token(text: str) -> IssuedToken | None:
    """Return what is known of a refresh token, or None if it was never issued."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    session_id, token = found.groups()
    digest = digest_of(token)
    with db.read() as connection:
        session = connection.execute(FIND, {"session_id": session_id, "digest": digest}).first()
    if session and (session.is_old or has_mark(token, session.seed)):
        return IssuedToken(session_id, session.public_id, digest)
    return None


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

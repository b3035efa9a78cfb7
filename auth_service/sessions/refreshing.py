"""The use of a refresh token: it yields a successor, or it ends the session if it is used too late.

A token is `<session id>.<256 random bits>`, of which the database has a digest alone. It stays good until its
successor is first used. So a client whose answer was lost asks again and gets another successor, and a stolen
token is noticed as soon as both, thief and owner, have used it.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flask import current_app
from sqlalchemy import Connection, Row, and_, bindparam, insert, or_, select, update
from sqlalchemy.orm import aliased

from auth_service import audit
from auth_service.models import RefreshToken, Session, User, db
from auth_service.sessions.ending import END_ONE, end_sessions
from common.errors import TokenRejected
from common.tokens.access import CANONICAL_UUID4

SECRET_SIZE = 32  # bytes
_FORM = re.compile(rf"({CANONICAL_UUID4.pattern})\.([A-Za-z0-9_-]{{43}})")

ISSUED = (
    select(RefreshToken.digest, RefreshToken.session_id, User.public_id)
    .join(Session, Session.id == RefreshToken.session_id)
    .join(User, User.id == Session.user_id)
    .where(RefreshToken.digest == bindparam("digest"), RefreshToken.session_id == bindparam("session_id"))
)
INSERT = insert(RefreshToken)
LOCK_SESSION = (
    select(Session.created_at, Session.expires_at, Session.ended_at, User.disabled)
    .join(User, User.id == Session.user_id)
    .where(Session.id == bindparam("session_id"))
    .with_for_update(of=Session)
)
# In a statement of its own: the one that waits for the lock may see a token as it was before.
_successor = aliased(RefreshToken)
_awaits_successor = and_(RefreshToken.successor.is_not(None), _successor.used_at.is_(None))
USE = (
    select(RefreshToken.successor, or_(RefreshToken.used_at.is_(None), _awaits_successor).label("is_good"))
    .outerjoin(_successor, _successor.digest == RefreshToken.successor)
    .where(RefreshToken.digest == bindparam("digest"))
)
USE_SESSION = update(Session).where(Session.id == bindparam("of_session"))
USE_TOKEN = update(RefreshToken).where(RefreshToken.digest == bindparam("used"))

Client = Mapping[str, str]  # where a session is used from: its `user_agent` and `ip`
IssuedToken = Row[bytes, str, str]  # of `ISSUED`: a token that was once issued, and whose session is kept
LockedSession = Row[datetime, datetime, datetime | None, bool]  # of `LOCK_SESSION`


@dataclass(frozen=True, slots=True)
class Grant:
    """What a session that starts or is refreshed yields, besides an access token."""

    public_id: str
    session_id: str
    refresh_token: str = field(repr=False)
    expires_in: timedelta


def use_refresh_token(text: str, *, client: Client) -> Grant:
    """Use a refresh token; return its successor, or raise `TokenRejected`.

    The lock of the session decides which use comes first; use and successor are one transaction.
    """
    token = find_refresh_token(text)
    if token is None:
        raise TokenRejected("refresh_unknown")
    with db.write() as connection:
        session = connection.execute(LOCK_SESSION, {"session_id": token.session_id}).first()
        use = connection.execute(USE, {"digest": token.digest}).first()
        if session is None or session.ended_at or use is None:  # or purged since the token was found
            raise TokenRejected("refresh_ended")
        if use.is_good:
            return _renew(connection, token, session, use.successor, client)
        end_sessions(connection, END_ONE, of_session=token.session_id, why="refresh token used again")
    audit.log_refusal("refresh_reused", public_id=token.public_id, session_id=token.session_id)
    raise TokenRejected("refresh_reused")


def _renew(
    connection: Connection, token: IssuedToken, session: LockedSession, replaced: bytes | None, client: Client
) -> Grant:
    """Issue the successor of the token; an earlier one that was not used is dead from now on."""
    now = datetime.now(UTC)
    expires_at = end_of(session.created_at, now=now)
    if session.disabled or min(session.expires_at, expires_at) <= now:
        raise TokenRejected("refresh_expired")
    used = {"last_used_at": now, "expires_at": expires_at, **client}
    connection.execute(USE_SESSION, {"of_session": token.session_id, **used})
    refresh_token, digest = add_refresh_token(connection, token.session_id, now=now)
    if replaced is not None:
        connection.execute(USE_TOKEN, {"used": replaced, "used_at": now})
    connection.execute(USE_TOKEN, {"used": token.digest, "used_at": now, "successor": digest})
    return Grant(token.public_id, token.session_id, refresh_token, expires_at - now)


def end_of(created_at: datetime, *, now: datetime) -> datetime:
    """Return when a session that is used now ends: the earlier of its idle and its absolute end."""
    settings = current_app.extensions["settings"]
    idle, absolute = timedelta(days=settings.session_idle_days), timedelta(days=settings.session_max_days)
    return min(now + idle, created_at + absolute)


def find_refresh_token(text: str) -> IssuedToken | None:
    """Return what is known of a refresh token, or None if it was never issued."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    with db.read() as connection:
        return connection.execute(ISSUED, {"digest": _digest(found[2]), "session_id": found[1]}).first()


def add_refresh_token(connection: Connection, session_id: str, *, now: datetime) -> tuple[str, bytes]:
    """Add a new refresh token of the session; return it and its digest."""
    secret = secrets.token_urlsafe(SECRET_SIZE)
    digest = _digest(secret)
    connection.execute(INSERT, {"digest": digest, "session_id": session_id, "issued_at": now})
    return f"{session_id}.{secret}", digest


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

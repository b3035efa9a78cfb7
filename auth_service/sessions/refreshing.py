"""The use of a refresh token: it yields a successor, or it ends the session if it is used too late.

A token stays good until its successor is first used. So a client whose answer was lost asks again and gets
another successor, and a stolen token is noticed as soon as both, thief and owner, have used it.
"""

from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.orm import aliased

from auth_service import security_log
from auth_service.models import RefreshToken, Session, User, db
from auth_service.sessions.ending import END_ONE, end_sessions
from auth_service.sessions.lifecycle import Client, Grant, end_of
from auth_service.sessions.refresh_tokens import IssuedToken, add_refresh_token, find_token
from auth_service.settings import AuthSettings
from common.errors import TokenRejected

LOCK = (
    select(Session.created_at, Session.expires_at, Session.ended_at, User.disabled)
    .join(User, User.id == Session.user_id)
    .where(Session.id == bindparam("session_id"))
    .with_for_update(of=Session)
)
_successor = aliased(RefreshToken)
TOKEN = (
    select(RefreshToken.used_at, RefreshToken.successor, _successor.used_at)
    .outerjoin(_successor, _successor.digest == RefreshToken.successor)
    .where(RefreshToken.digest == bindparam("digest"))
)
USE_SESSION = update(Session).where(Session.id == bindparam("of_session"))
USE_TOKEN = update(RefreshToken).where(RefreshToken.digest == bindparam("used"))


def refresh(text: str, settings: AuthSettings, *, client: Client) -> Grant:
    """Use a refresh token; return its successor, or raise `TokenRejected`.

    The lock of the session decides which use comes first; use and successor are one transaction.
    """
    token = find_token(text)
    if token is None:
        raise TokenRejected("refresh_unknown")
    with db.write() as connection:
        session, now = _lock(connection, token), datetime.now(UTC)
        is_good, replaced = _inspect(connection, token)
        if is_good:
            expires_at = end_of(session.created_at, settings, now=now)
            if session.disabled or min(session.expires_at, expires_at) <= now:
                raise TokenRejected("refresh_expired")
            used = {"last_used_at": now, "expires_at": expires_at, **asdict(client)}
            connection.execute(USE_SESSION, {"of_session": token.session_id, **used})
            refresh_token = _add_successor(connection, token, replaced, now)
            return Grant(token.public_id, token.session_id, refresh_token, expires_at - now)
        end_sessions(connection, END_ONE, of_session=token.session_id, why="refresh token used again")
    security_log.warning("refresh_reused", public_id=token.public_id, session_id=token.session_id)
    raise TokenRejected("refresh_reused")


def log_out(text: str) -> str | None:
    """End the session for which the token was ever issued; return the user's `public_id`, or None."""
    token = find_token(text)
    if token is None:
        return None
    with db.write() as connection:
        end_sessions(connection, END_ONE, of_session=token.session_id, why="logout")
    return str(token.public_id)


def _lock(connection: Connection, token: IssuedToken) -> Row[datetime, datetime, datetime | None, bool]:
    """Lock the session of the token, which nobody else can change until the transaction ends."""
    session = connection.execute(LOCK, {"session_id": token.session_id}).first()
    if session is None or session.ended_at is not None:
        raise TokenRejected("refresh_ended")
    return session


def _inspect(connection: Connection, token: IssuedToken) -> tuple[bool, bytes | None]:
    """Return whether the token is good, and its unused successor, which a new one will replace."""
    found = connection.execute(TOKEN, {"digest": token.digest}).first()
    if found is None:  # purged since it was found, with others of a session that is long over
        raise TokenRejected("refresh_ended")
    used_at, successor, successor_used_at = found
    return used_at is None or (successor is not None and successor_used_at is None), successor


def _add_successor(connection: Connection, token: IssuedToken, replaced: bytes | None, now: datetime) -> str:
    """Issue the successor of the token; an earlier one that was not used is dead from now on."""
    text, digest = add_refresh_token(connection, token.session_id, now=now)
    if replaced is not None:
        connection.execute(USE_TOKEN, {"used": replaced, "used_at": now})
    connection.execute(USE_TOKEN, {"used": token.digest, "used_at": now, "successor": digest})
    return text

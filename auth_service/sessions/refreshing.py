"""Owns what a refresh token does: it gives a successor, or it ends the session of whoever shows it too late.

A token is good until its successor is first used. So a client whose answer was lost asks once more and gets
another successor, and a token that was stolen is noticed as soon as both, thief and owner, have used it.
"""

from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.orm import aliased

from auth_service.models import RefreshToken, Session, User, db
from auth_service.sessions.ending import END_ONE, end_sessions, publish_ends
from auth_service.sessions.lifecycle import Client, Grant, end_of, used_from
from auth_service.sessions.refresh_tokens import Issued, add_refresh_token
from auth_service.settings import AuthSettings

REUSED = "refresh_reused"

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


class Refused(Exception):
    """A refresh token that is refused; `reason` is a word for the log, never shown to the client."""

    def __init__(self, reason: str, token: Issued | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.token = token


def refresh(text: str, settings: AuthSettings, *, client: Client, now: datetime) -> tuple[Grant, Issued]:
    """Use a refresh token; return its successor and what is known of it, or raise `Refused`.

    Who comes first is decided by the lock of the session, and what is used and issued is one transaction.
    """
    token = Issued.find(text)
    if token is None:
        raise Refused("refresh_unknown")
    with db.write() as connection:
        session = _lock(connection, token)
        is_good, replaced = _look_at(connection, token)
        if is_good:
            expires_at = end_of(session.created_at, settings, now=now)
            if session.disabled or min(session.expires_at, expires_at) <= now:
                raise Refused("refresh_expired", token)
            used = {"last_used_at": now, "expires_at": expires_at, **used_from(client)}
            connection.execute(USE_SESSION, {"of_session": token.session_id, **used})
            return Grant(token.session_id, _succeed(connection, token, replaced, now), expires_at), token
        ended = end_sessions(connection, END_ONE, of_session=token.session_id, now=now)
        publish_ends(connection, ended, why="refresh token used again", now=now)
    raise Refused(REUSED, token)


def log_out(text: str, *, now: datetime) -> Issued | None:
    """End the session for which the token was ever issued; return the token, or None."""
    token = Issued.find(text)
    if token is not None:
        with db.write() as connection:
            ended = end_sessions(connection, END_ONE, of_session=token.session_id, now=now)
            publish_ends(connection, ended, why="logout", now=now)
    return token


def _lock(connection: Connection, token: Issued) -> Row[datetime, datetime, datetime | None, bool]:
    """Lock the session of the token, which nobody else can change until the transaction ends."""
    session = connection.execute(LOCK, {"session_id": token.session_id}).first()
    if session is None or session.ended_at is not None:
        raise Refused("refresh_ended", token)
    return session


def _look_at(connection: Connection, token: Issued) -> tuple[bool, bytes | None]:
    """Return whether the token is good, and which unused successor of it another one will replace."""
    found = connection.execute(TOKEN, {"digest": token.digest}).first()
    if found is None:  # purged since it was found, with others of a session that is long over
        raise Refused("refresh_ended", token)
    used_at, successor, successor_used_at = found
    return used_at is None or (successor is not None and successor_used_at is None), successor


def _succeed(connection: Connection, token: Issued, replaced: bytes | None, now: datetime) -> str:
    """Issue the successor of the token; one that was issued before and not used is dead from now on."""
    text, digest = add_refresh_token(connection, token.session_id, now=now)
    if replaced is not None:
        connection.execute(USE_TOKEN, {"used": replaced, "used_at": now})
    connection.execute(USE_TOKEN, {"used": token.digest, "used_at": now, "successor": digest})
    return text

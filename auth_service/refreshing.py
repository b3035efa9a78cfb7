"""Owns what a refresh token does: it gives a successor, or it ends the session of whoever shows it too late.

A token is good until its successor is first used. So a client whose answer was lost asks once more and gets
another successor, and a token that was stolen is noticed as soon as both, thief and owner, have used it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Never

from sqlalchemy import select, update
from sqlalchemy.orm import aliased

from auth_service.ending import commit_ends, end_sessions
from auth_service.models import RefreshToken, Session, User, db
from auth_service.refresh_tokens import Issued, add_refresh_token
from auth_service.sessions import Client, Grant, end_of, used_from
from auth_service.settings import AuthSettings

REUSED = "refresh_reused"


class Refused(Exception):
    """A refresh token that is refused; `reason` is a word for the log, never shown to the client."""

    def __init__(self, reason: str, token: Issued | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.token = token


@dataclass(frozen=True, slots=True)
class Locked:
    """The session of a token, which nobody else can change until the transaction ends."""

    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    disabled: bool


def refresh(text: str, settings: AuthSettings, *, client: Client, now: datetime) -> tuple[Grant, Issued]:
    """Use a refresh token and commit; return its successor and what is known of it, or raise `Refused`.

    Who comes first is decided by the lock of the session, and what is used and issued is one transaction.
    """
    token = Issued.find(text)
    if token is None:
        raise Refused("refresh_unknown")
    session = _lock(token)
    is_good, replaced = _look_at(token)
    if not is_good:
        _end_for_reuse(token, now)
    expires_at = end_of(session.created_at, settings, now=now)
    if session.disabled or min(session.expires_at, expires_at) <= now:
        _refuse("refresh_expired", token)
    _note_use(token, expires_at, client, now)
    refresh_token = _succeed(token, replaced, now)
    db.session.commit()
    return Grant(token.session_id, refresh_token, expires_at), token


def log_out(text: str, *, now: datetime) -> Issued | None:
    """End the session for which the token was ever issued, and commit; return the token, or None."""
    token = Issued.find(text)
    if token is not None:
        commit_ends(end_sessions(Session.id == token.session_id, now=now), why="logout", now=now)
    return token


def _lock(token: Issued) -> Locked:
    statement = (
        select(Session.created_at, Session.expires_at, Session.ended_at, User.disabled)
        .join(User, User.id == Session.user_id)
        .where(Session.id == token.session_id)
        .with_for_update(of=Session)
    )
    row = db.session.execute(statement).first()
    session = Locked(*row) if row else None
    if session is None or session.ended_at is not None:
        _refuse("refresh_ended", token)
    return session


def _look_at(token: Issued) -> tuple[bool, bytes | None]:
    """Tell whether the token is good, and which unused successor of it another one will replace."""
    successor = aliased(RefreshToken)
    statement = (
        select(RefreshToken.used_at, RefreshToken.successor, successor.used_at)
        .outerjoin(successor, successor.digest == RefreshToken.successor)
        .where(RefreshToken.digest == token.digest)
    )
    row = db.session.execute(statement).first()
    if row is None:  # purged since it was found, with others of a session that is long over
        _refuse("refresh_ended", token)
    used_at, successor_digest, successor_used_at = row
    is_good = used_at is None or (successor_digest is not None and successor_used_at is None)
    return is_good, successor_digest


def _end_for_reuse(token: Issued, now: datetime) -> Never:
    commit_ends(
        end_sessions(Session.id == token.session_id, now=now), why="refresh token used again", now=now
    )
    raise Refused(REUSED, token)


def _refuse(reason: str, token: Issued) -> Never:
    db.session.rollback()
    raise Refused(reason, token)


def _note_use(token: Issued, expires_at: datetime, client: Client, now: datetime) -> None:
    used = {"last_used_at": now, "expires_at": expires_at, **used_from(client)}
    db.session.execute(update(Session).where(Session.id == token.session_id).values(**used))


def _succeed(token: Issued, replaced: bytes | None, now: datetime) -> str:
    """Issue the successor of the token; one that was issued before and not used is dead from now on."""
    text, digest = add_refresh_token(token.session_id, now=now)
    use = update(RefreshToken).values(used_at=now)
    if replaced is not None:
        db.session.execute(use.where(RefreshToken.digest == replaced))
    db.session.execute(use.where(RefreshToken.digest == token.digest).values(successor=digest))
    return text

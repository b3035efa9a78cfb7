"""The removal of sessions that are over, a few rows at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, exists, select

from auth_service.models import RefreshToken, Session

# A session that is over does nothing any more: its refresh tokens are refused as those that never were. It is
# kept a day, much longer than its last access token lives, so that a late logout still ends that token.
KEPT = timedelta(days=1)
SESSIONS = 100  # looked at a time
SESSIONS_OF_USER = 500  # the same where a user is deleted
TOKENS = 2000  # deleted at a time: a session that was refreshed for 30 days has a thousand

# What another transaction has locked is left for later.
OVER = (
    select(Session.id)
    .where(Session.expires_at < bindparam("before"))
    .order_by(Session.expires_at)
    .limit(SESSIONS)
    .with_for_update(skip_locked=True)
)
_of_user = Session.user_id == bindparam("user_id")
_ended = select(Session.id).where(_of_user, Session.ended_at.is_not(None))
ENDED = _ended.limit(SESSIONS_OF_USER).with_for_update()
# One more than may go in one statement; every session has a token.
TOO_MANY = select(RefreshToken.digest).join(Session).where(_of_user).offset(TOKENS).limit(1)
_some = bindparam("sessions", type_=Session.id.type, expanding=True)
_tokens = select(RefreshToken.digest).where(RefreshToken.session_id.in_(_some)).limit(TOKENS)
DELETE_TOKENS = delete(RefreshToken).where(RefreshToken.digest.in_(_tokens))
DELETE_SESSIONS = delete(Session).where(
    Session.id.in_(_some), ~exists().where(RefreshToken.session_id == Session.id)
)


def purge(connection: Connection) -> tuple[int, int]:
    """Delete some of what is over; return how many sessions and refresh tokens.

    A session goes with its last refresh token.
    """
    sessions = connection.execute(OVER, {"before": datetime.now(UTC) - KEPT}).scalars().all()
    return _purge_sessions(connection, sessions) if sessions else (0, 0)


def has_few_rows(connection: Connection, user_id: int) -> bool:
    """Return whether one statement can delete a user with all sessions and refresh tokens."""
    return connection.execute(TOO_MANY, {"user_id": user_id}).first() is None


def purge_user(connection: Connection, user_id: int) -> None:
    """Delete some sessions of the user that ended."""
    _purge_sessions(connection, connection.execute(ENDED, {"user_id": user_id}).scalars().all())


def _purge_sessions(connection: Connection, sessions: Sequence[str]) -> tuple[int, int]:
    """Delete some refresh tokens of sessions, which the transaction has locked, and sessions without any."""
    tokens = connection.execute(DELETE_TOKENS, {"sessions": sessions}).rowcount
    return connection.execute(DELETE_SESSIONS, {"sessions": sessions}).rowcount, tokens

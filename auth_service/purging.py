"""Owns the removal of sessions that are over, a few rows at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, Delete, Select, delete, exists, func, select

from auth_service.models import RefreshToken, Session, db

# A session that is over does nothing any more: its refresh tokens are refused as those that never were. It is
# kept a day, much longer than its last access token lives, so that a late logout still ends that token.
KEPT = timedelta(days=1)
SESSIONS = 100  # looked at a time
OF_A_USER = 500  # the same where a user is deleted
TOKENS = 2000  # deleted at a time: a session that was refreshed for 30 days has a thousand


class Purged(NamedTuple):
    """How many rows were deleted."""

    sessions: int = 0
    refresh_tokens: int = 0


def purge(*, now: datetime) -> Purged:
    """Delete some of what is over, in the transaction.

    A session goes with its last refresh token. Those that somebody has locked are left for later.
    """
    old = select(Session.id).where(Session.expires_at < now - KEPT).order_by(Session.expires_at)
    some = old.limit(SESSIONS).with_for_update(skip_locked=True)
    sessions = db.session.scalars(some).all()
    if not sessions:
        return Purged()
    return _purge_sessions(sessions)


def has_few_rows(user_id: int) -> bool:
    """Tell whether all there is of a user can go in one statement."""
    sessions = select(Session.id).where(Session.user_id == user_id)
    tokens = select(RefreshToken.digest).join(Session).where(Session.user_id == user_id)
    return _count(sessions, OF_A_USER) <= OF_A_USER and _count(tokens, TOKENS) <= TOKENS


def purge_user(user_id: int) -> Purged:
    """Delete some sessions of the user that ended, in the transaction; what remains is live or for later."""
    ended = select(Session.id).where(Session.user_id == user_id, Session.ended_at.is_not(None))
    return _purge_sessions(db.session.scalars(ended.limit(OF_A_USER).with_for_update()).all())


def _purge_sessions(sessions: Sequence[str]) -> Purged:
    """Delete some refresh tokens of sessions, which the transaction has locked, and sessions without any."""
    some = select(RefreshToken.digest).where(RefreshToken.session_id.in_(sessions)).limit(TOKENS)
    tokens = _delete(delete(RefreshToken).where(RefreshToken.digest.in_(some)))
    has_tokens = exists().where(RefreshToken.session_id == Session.id)
    return Purged(_delete(delete(Session).where(Session.id.in_(sessions), ~has_tokens)), tokens)


def _count(rows: Select[Any], limit: int) -> int:
    """Return how many rows there are, or one more than the limit."""
    return db.session.scalar(select(func.count()).select_from(rows.limit(limit + 1).subquery())) or 0


def _delete(statement: Delete) -> int:
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount

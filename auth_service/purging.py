"""Owns the removal of sessions that are over, a few rows at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, Delete, delete, exists, select

from auth_service.models import RefreshToken, Session, db

# A session that is over does nothing any more: its refresh tokens are refused as those that never were. It is
# kept a day, much longer than its last access token lives, so that a late logout still ends that token.
KEPT = timedelta(days=1)
SESSIONS = 100  # looked at a time
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
    tokens = purge_refresh_tokens(sessions)
    has_tokens = exists().where(RefreshToken.session_id == Session.id)
    return Purged(_delete(delete(Session).where(Session.id.in_(sessions), ~has_tokens)), tokens)


def purge_refresh_tokens(sessions: Sequence[str]) -> int:
    """Delete some refresh tokens of these sessions, which the transaction has locked; return how many."""
    some = select(RefreshToken.digest).where(RefreshToken.session_id.in_(sessions)).limit(TOKENS)
    return _delete(delete(RefreshToken).where(RefreshToken.digest.in_(some)))


def _delete(statement: Delete) -> int:
    result = db.session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount

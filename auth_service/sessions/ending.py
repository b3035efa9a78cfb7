"""How sessions end, in one transaction with their audit entries and events, and how they are purged."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, delete, exists, select, update

from auth_service import audit, events
from auth_service.models import RefreshToken, Session, User

# A session that is over does nothing any more: its refresh tokens are refused as those that never were. It is
# kept a day, much longer than its last access token lives, so that a late logout still ends that token.
KEPT = timedelta(days=1)
SESSIONS = 100  # looked at a time
SESSIONS_OF_USER = 500  # the same where a user is deleted
TOKENS = 2000  # deleted at a time: a session that was refreshed for 30 days has a thousand

HAS_NOT_ENDED = Session.ended_at.is_(None)
IS_LIVE = and_(HAS_NOT_ENDED, Session.expires_at > bindparam("now"))


def end_where(condition: ColumnElement[bool]) -> Update:
    """Return the statement that ends sessions, for `end_sessions`.

    Expired sessions may end too: their last access token may live on. A transaction that ends several holds
    the lock of their user's row, so that no two transactions lock the same sessions in different orders.
    """
    return (
        update(Session)
        .where(condition, HAS_NOT_ENDED)
        .values(ended_at=bindparam("now"), expires_at=bindparam("now"))
        .returning(Session.id)
    )


_of_user = Session.user_id == bindparam("of_user")
END_ONE = end_where(Session.id == bindparam("of_session"))
END_LIVE_ONE = end_where(and_(Session.id == bindparam("of_session"), _of_user, IS_LIVE))
END_ALL = end_where(_of_user)
END_OTHERS = end_where(and_(_of_user, Session.id != bindparam("of_session")))
LOCK_USER = select(User.id).where(User.id == bindparam("of_user")).with_for_update()

# What another transaction has locked is left for later.
OVER = (
    select(Session.id)
    .where(Session.expires_at < bindparam("before"))
    .order_by(Session.expires_at)
    .limit(SESSIONS)
    .with_for_update(skip_locked=True)
)
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


def end_sessions(
    connection: Connection, statement: Update, *, why: str, **parameters: object
) -> Sequence[str]:
    """End sessions, publish it, and return their ids; `why` is for the audit log.

    Call it late in the transaction, which holds the lock of the feed from then on.
    """
    ended = connection.execute(statement, {"now": datetime.now(UTC), **parameters}).scalars().all()
    if ended:
        audit.record_ends(connection, ended, why=why)
        events.session_ended(connection, ended)
    return ended


def purge_old_sessions(connection: Connection) -> tuple[int, int]:
    """Delete some of what is over; return how many sessions and refresh tokens.

    A session goes with its last refresh token.
    """
    sessions = connection.execute(OVER, {"before": datetime.now(UTC) - KEPT}).scalars().all()
    return _delete_sessions(connection, sessions) if sessions else (0, 0)


def has_few_rows(connection: Connection, user_id: int) -> bool:
    """Return whether one statement can delete a user with all sessions and refresh tokens."""
    return connection.execute(TOO_MANY, {"of_user": user_id}).first() is None


def purge_user(connection: Connection, user_id: int) -> None:
    """Delete some sessions of the user that ended."""
    _delete_sessions(connection, connection.execute(ENDED, {"of_user": user_id}).scalars().all())


def _delete_sessions(connection: Connection, sessions: Sequence[str]) -> tuple[int, int]:
    """Delete some refresh tokens of sessions, which the transaction has locked, and sessions without any."""
    tokens = connection.execute(DELETE_TOKENS, {"sessions": sessions}).rowcount
    return connection.execute(DELETE_SESSIONS, {"sessions": sessions}).rowcount, tokens

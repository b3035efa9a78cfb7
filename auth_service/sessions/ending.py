"""How sessions end, in one transaction with their audit entries and events, and how they are purged."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, case, delete, select, update

from auth_service import audit, events
from auth_service.models import Session, User, db
from auth_service.retention import date_back, date_rows_back, delete_old

# A session that is over does nothing any more: its refresh tokens are refused as those that never were. It is
# kept a day, much longer than its last access token lives, so that a late logout still ends that token.
KEPT = timedelta(days=1)
SESSIONS = 100  # purged at a time
SESSIONS_OF_USER = 500  # the same before a user is deleted

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

# What a clock that was ahead has made: such a session begins, and is used, now.
_now = bindparam("now", type_=Session.created_at.type)
SHORTEN = date_back(Session.id, Session.expires_at, limit=SESSIONS).values(
    {time: case((time > _now, _now), else_=time) for time in (Session.created_at, Session.last_used_at)}
)
DELETE_OLD = delete_old(Session.id, Session.expires_at, limit=SESSIONS)
_ended = (
    select(Session.id)
    .join(User, User.id == Session.user_id)
    .where(User.public_id == bindparam("public_id"), Session.ended_at.is_not(None))
    .limit(SESSIONS_OF_USER)
    .with_for_update(of=Session, skip_locked=True)
)
DELETE_ENDED = delete(Session).where(Session.id.in_(_ended))


def end_of(created_at: datetime, *, now: datetime) -> datetime:
    """Return when a session that is used now ends: the earlier of its idle and its absolute end."""
    settings = current_app.extensions["settings"]
    idle, absolute = timedelta(days=settings.session_idle_days), timedelta(days=settings.session_max_days)
    return min(now + idle, created_at + absolute)


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


def purge_old_sessions(connection: Connection) -> int:
    """Delete some of what is over; return how many sessions. None stays that ends later than one can."""
    now = datetime.now(UTC)
    date_rows_back(connection, SHORTEN, now=now, latest=end_of(now, now=now))
    return connection.execute(DELETE_OLD, {"before": now - KEPT}).rowcount


def delete_ended_sessions(public_id: str) -> None:
    """Delete the user's sessions that have ended, some at a time, so that no statement takes too long."""
    deleted = SESSIONS_OF_USER
    while deleted == SESSIONS_OF_USER:
        with db.write() as connection:
            deleted = connection.execute(DELETE_ENDED, {"public_id": public_id}).rowcount

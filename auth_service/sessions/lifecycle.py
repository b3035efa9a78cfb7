"""Sessions: how they start, and when they are live."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, RowMapping, and_, bindparam, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from auth_service import audit
from auth_service.models import USER_COLUMNS, Session, User, db
from auth_service.sessions.ending import IS_LIVE, end_of, end_sessions, end_where, purge_old_sessions
from auth_service.sessions.refreshing import Client, Grant, first_token
from common.db.connections import SchemaNotCurrent
from common.tokens.access import CANONICAL_UUID4

MAX_SESSIONS = 50  # live ones a user
RECORD_EVERY = timedelta(minutes=5)  # a use by an access token; the first is recorded at once
IN_USE = 2 * RECORD_EVERY  # at most so old is the last record of a session that is used all the time

UserKey = Row[*tuple[Any, ...]]  # with the `id` and `public_id` of a user
LiveUser = Row[*tuple[Any, ...]]  # of `LIVE_USER`

_is_unused = Session.last_used_at == Session.created_at
_recorded = Session.last_used_at.between(bindparam("before"), bindparam("now"))
USE_IS_DUE = or_(_is_unused, ~_recorded)
LIVE_USER = (
    select(*USER_COLUMNS, USE_IS_DUE.label("use_is_due"))
    .join(Session, Session.user_id == User.id)
    .where(
        Session.id == bindparam("session_id"),
        User.public_id == bindparam("public_id"),
        IS_LIVE,
        User.disabled.is_(False),
    )
)
_shown = (Session.id, Session.created_at, Session.last_used_at, Session.expires_at)
LIVE_SESSIONS = (
    select(*_shown, Session.user_agent, Session.ip)
    .where(Session.user_id == bindparam("user_id"), IS_LIVE)
    .order_by(Session.last_used_at.desc(), Session.id)
)
INSERT = insert(Session)
# The sessions that have been idle longest, to make room for one more: any that was not used yet before one
# that is in use.
_is_in_use = and_(~_is_unused, Session.last_used_at > bindparam("in_use"))
END_IDLEST = end_where(
    Session.id.in_(
        select(Session.id)
        .where(Session.user_id == bindparam("of_user"), IS_LIVE)
        .order_by(_is_in_use.desc(), Session.last_used_at.desc(), Session.id)
        .offset(MAX_SESSIONS - 1)
    )
)

_due = select(Session.id).where(Session.id == bindparam("of_session"), USE_IS_DUE)
RECORD_USE = (
    update(Session)
    .where(Session.id.in_(_due.with_for_update(skip_locked=True)))
    .values(last_used_at=bindparam("now"))
)

log = structlog.get_logger()


def start_session(connection: Connection, user: UserKey, *, client: Client, event: str) -> Grant:
    """Start a session of the user; the transaction holds the lock of the user's row, or has inserted it.

    Call it last in the transaction. `event` is for the audit log.
    """
    purge_old_sessions(connection)
    now, session_id = datetime.now(UTC), str(uuid.uuid4())
    end_sessions(connection, END_IDLEST, why="too many sessions", of_user=user.id, in_use=now - IN_USE)
    token, chain = first_token()
    expires_at = end_of(now, now=now)
    times = {"created_at": now, "last_used_at": now, "expires_at": expires_at}
    connection.execute(INSERT, {"id": session_id, "user_id": user.id, **times, **chain, **client})
    audit.record(connection, event, public_id=user.public_id, ip=client["ip"], session_id=session_id)
    return Grant(user.public_id, session_id, f"{session_id}.{token}", expires_at - now)


def find_live_user(public_id: str, session_id: str) -> LiveUser | None:
    """Return the user if the session is live and the user enabled, or None."""
    if not CANONICAL_UUID4.fullmatch(session_id):
        return None
    now = datetime.now(UTC)
    parameters = {"public_id": public_id, "session_id": session_id, "now": now, "before": now - RECORD_EVERY}
    with db.read() as connection:
        return connection.execute(LIVE_USER, parameters).first()


def record_use(session_id: str) -> None:
    """Record that an access token of the session is used; the session does not live longer for that.

    A request that only reads goes on where this fails, as on a database that is read-only.
    """
    now = datetime.now(UTC)
    parameters = {"of_session": session_id, "now": now, "before": now - RECORD_EVERY}
    try:
        with db.write() as connection:
            purge_old_sessions(connection)
            connection.execute(RECORD_USE, parameters)
    except (SQLAlchemyError, SchemaNotCurrent) as error:
        log.warning("session_use_not_recorded", error=type(error).__name__)


def find_live_sessions(user_id: int) -> Sequence[RowMapping]:
    """Return the live sessions of the user, the one used last first."""
    parameters = {"user_id": user_id, "now": datetime.now(UTC)}
    with db.read() as connection:
        return connection.execute(LIVE_SESSIONS, parameters).mappings().all()

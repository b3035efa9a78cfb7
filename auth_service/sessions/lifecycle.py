"""Sessions: how they start, and when they are live."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, bindparam, insert, select

from auth_service import audit
from auth_service.models import USER_COLUMNS, Session, User, UserRow, db
from auth_service.sessions.ending import IS_LIVE, end_of, end_sessions, end_where, purge_old_sessions
from auth_service.sessions.refresh_tokens import first_token
from auth_service.sessions.refreshing import Client, Grant
from common.tokens.access import CANONICAL_UUID4

MAX_SESSIONS = 50  # live ones a user

UserKey = Row[*tuple[Any, ...]]  # with the `id` and `public_id` of a user

LIVE_USER = (
    select(*USER_COLUMNS)
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
# The sessions that have been idle longest, to make room for one more.
END_IDLEST = end_where(
    Session.id.in_(
        select(Session.id)
        .where(Session.user_id == bindparam("of_user"), IS_LIVE)
        .order_by(Session.last_used_at.desc(), Session.id)
        .offset(MAX_SESSIONS - 1)
    )
)


def start_session(connection: Connection, user: UserKey, *, client: Client, event: str) -> Grant:
    """Start a session of the user; the transaction holds the lock of the user's row, or has inserted it.

    Call it last in the transaction. `event` is for the audit log.
    """
    purge_old_sessions(connection)
    now, session_id = datetime.now(UTC), str(uuid.uuid4())
    end_sessions(connection, END_IDLEST, why="too many sessions", of_user=user.id)
    token, chain = first_token()
    expires_at = end_of(now, now=now)
    times = {"created_at": now, "last_used_at": now, "expires_at": expires_at}
    connection.execute(INSERT, {"id": session_id, "user_id": user.id, **times, **chain, **client})
    audit.record(connection, event, public_id=user.public_id, ip=client["ip"], session_id=session_id)
    return Grant(user.public_id, session_id, f"{session_id}.{token}", expires_at - now)


def find_live_user(public_id: str, session_id: str) -> UserRow | None:
    """Return the user if the session is live and the user enabled, or None."""
    if not CANONICAL_UUID4.fullmatch(session_id):
        return None
    parameters = {"public_id": public_id, "session_id": session_id, "now": datetime.now(UTC)}
    with db.read() as connection:
        return connection.execute(LIVE_USER, parameters).first()


def find_live_sessions(user_id: int) -> Sequence[RowMapping]:
    """Return the live sessions of the user, the one used last first."""
    parameters = {"user_id": user_id, "now": datetime.now(UTC)}
    with db.read() as connection:
        return connection.execute(LIVE_SESSIONS, parameters).mappings().all()

"""Owns the rules of a session: how it starts, when it lives, and how it ends."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, select, update

from auth_service.models import Session, User, db
from auth_service.settings import AuthSettings
from common.statements import Statement
from common.tokens import CANONICAL_UUID4

MAX_USER_AGENT = 200  # characters kept


@dataclass(frozen=True, slots=True)
class LiveUser:
    """The user behind a live session, as the database has it now."""

    id: int
    public_id: str
    name: str
    admin: bool
    disabled: bool
    created_at: datetime
    last_login_at: datetime | None


USER_COLUMNS = (
    User.id,
    User.public_id,
    User.name,
    User.admin,
    User.disabled,
    User.created_at,
    User.last_login_at,
)

_live_user = Statement(
    db,
    select(*USER_COLUMNS)
    .join(Session, Session.user_id == User.id)
    .where(
        Session.id == bindparam("session_id"),
        User.public_id == bindparam("public_id"),
        Session.ended_at.is_(None),
        Session.expires_at > bindparam("now"),
        User.disabled.is_(False),
    ),
)


def start_session(user_id: int, settings: AuthSettings, *, user_agent: str, ip: str, now: datetime) -> str:
    """Add a session of the user to the transaction and return its id."""
    session = Session(
        id=str(uuid.uuid4()),
        user_id=user_id,
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(days=min(settings.session_idle_days, settings.session_max_days)),
        user_agent=user_agent[:MAX_USER_AGENT],
        ip=ip,
    )
    db.session.add(session)
    return session.id


def find_live_user(public_id: str, session_id: str) -> LiveUser | None:
    """Return the user if both the session and the user are good now, or None."""
    if not CANONICAL_UUID4.fullmatch(session_id):
        return None
    row = _live_user.first(public_id=public_id, session_id=session_id, now=datetime.now(UTC))
    return LiveUser(*row) if row else None


def end_sessions(user_id: int, *, now: datetime) -> None:
    """End every session of the user, in the transaction."""
    db.session.execute(
        update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None)).values(ended_at=now)
    )

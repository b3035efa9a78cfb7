"""Owns the rules of a session: how it starts, and when it lives."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, bindparam, insert, select

from auth_service.ending import AT_ONCE, end_sessions, is_live
from auth_service.models import Session, User, db
from auth_service.purging import purge
from auth_service.refresh_tokens import add_refresh_token
from auth_service.settings import AuthSettings
from common.statements import Statement
from common.tokens import CANONICAL_UUID4

MAX_SESSIONS = 50  # live ones a user
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


@dataclass(frozen=True, slots=True)
class Client:
    """Where a session is used from."""

    user_agent: str
    ip: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What whoever starts or refreshes a session gets, besides an access token."""

    session_id: str
    refresh_token: str = field(repr=False)
    expires_at: datetime
    displaced: Sequence[str] = ()  # sessions that ended to make room for it


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session as its user sees it."""

    id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    user_agent: str
    ip: str


USER_COLUMNS = (
    User.id,
    User.public_id,
    User.name,
    User.admin,
    User.disabled,
    User.created_at,
    User.last_login_at,
)
_not_over = and_(Session.ended_at.is_(None), Session.expires_at > bindparam("now"))

_live_user = Statement(
    select(*USER_COLUMNS)
    .join(Session, Session.user_id == User.id)
    .where(
        Session.id == bindparam("session_id"),
        User.public_id == bindparam("public_id"),
        _not_over,
        User.disabled.is_(False),
    ),
)
_live_sessions = Statement(
    select(
        Session.id,
        Session.created_at,
        Session.last_used_at,
        Session.expires_at,
        Session.user_agent,
        Session.ip,
    )
    .where(Session.user_id == bindparam("user_id"), _not_over)
    .order_by(Session.last_used_at.desc(), Session.id),
)


def start_session(user_id: int, settings: AuthSettings, *, client: Client, now: datetime) -> Grant:
    """Add a session of the user to the transaction, which holds the lock of the user's row or has made it.

    What it displaces has to be told by `commit_ends`.
    """
    purge(now=now)
    displaced = _make_room(user_id, now)
    session_id, expires_at = str(uuid.uuid4()), end_of(now, settings, now=now)
    row = {
        "id": session_id,
        "user_id": user_id,
        "created_at": now,
        "last_used_at": now,
        "expires_at": expires_at,
        **used_from(client),
    }
    db.session.execute(insert(Session), row)
    refresh_token, _ = add_refresh_token(session_id, now=now)
    return Grant(session_id, refresh_token, expires_at, displaced)


def end_of(created_at: datetime, settings: AuthSettings, *, now: datetime) -> datetime:
    """Return when a session that is used now ends: the earlier of its idle and its absolute end."""
    return min(
        now + timedelta(days=settings.session_idle_days),
        created_at + timedelta(days=settings.session_max_days),
    )


def used_from(client: Client) -> dict[str, str]:
    """Return the columns that tell where a session was used from."""
    return {"user_agent": client.user_agent[:MAX_USER_AGENT], "ip": client.ip}


def _make_room(user_id: int, now: datetime) -> list[str]:
    """End the sessions that are idle longest, so that with one more there are as many as may be."""
    over = (
        select(Session.id)
        .where(is_live(user_id, now))
        .order_by(Session.last_used_at.desc(), Session.id)
        .offset(MAX_SESSIONS - 1)
        .limit(AT_ONCE)
    )
    return end_sessions(Session.id.in_(over), now=now)


def find_live_user(public_id: str, session_id: str) -> LiveUser | None:
    """Return the user if both the session and the user are good now, or None."""
    if not CANONICAL_UUID4.fullmatch(session_id):
        return None
    row = _live_user.first(public_id=public_id, session_id=session_id, now=datetime.now(UTC))
    return LiveUser(*row) if row else None


def list_sessions(user_id: int, *, now: datetime) -> list[LiveSession]:
    """Return the live sessions of the user, the one used last first."""
    return [LiveSession(*row) for row in _live_sessions.rows(user_id=user_id, now=now)]

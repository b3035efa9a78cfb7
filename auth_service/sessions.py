"""Owns the rules of a session: how it starts, when it lives, and how it ends."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, insert, select, update

from auth_service import audit, events, security
from auth_service.models import Session, User, db
from auth_service.purging import purge
from auth_service.refresh_tokens import add_refresh_token
from auth_service.settings import AuthSettings
from common.statements import Statement
from common.tokens import CANONICAL_UUID4

MAX_SESSIONS = 50  # live ones a user
MAX_USER_AGENT = 200  # characters kept
BY_USER = "ended by the user"


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
    db,
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
    db,
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


def is_live(user_id: int, now: datetime) -> ColumnElement[bool]:
    """Return the condition for the live sessions of a user."""
    return and_(Session.user_id == user_id, Session.ended_at.is_(None), Session.expires_at > now)


def end_sessions(which: ColumnElement[bool], *, now: datetime) -> list[str]:
    """End sessions in the transaction and return their ids; `commit_ends` has to tell them.

    One that expired may end too: its last access token may live on. Whoever ends several holds the lock of
    their user's row, so that no two transactions lock the same sessions in different orders.
    """
    statement = update(Session).where(which, Session.ended_at.is_(None)).values(ended_at=now, expires_at=now)
    return list(db.session.scalars(statement.returning(Session.id)))


def end_all_sessions(user_id: int, *, now: datetime) -> int:
    """End every session of the user and commit; return how many there were."""
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update())
    ended = end_sessions(Session.user_id == user_id, now=now)
    commit_ends(ended, why=BY_USER, now=now)
    return len(ended)


def end_own_session(user_id: int, session_id: str, *, now: datetime) -> bool:
    """End this live session of the user and commit; return whether there is one."""
    ended = end_sessions(and_(Session.id == session_id, is_live(user_id, now)), now=now)
    commit_ends(ended, why=BY_USER, now=now)
    return bool(ended)


def commit_ends(ended: Sequence[str], *, why: str, now: datetime) -> None:
    """Tell in the transaction which sessions it ended, and commit it; `why` is for the audit log."""
    audit.note_ends(ended, why=why, now=now)
    events.session_ended(ended, now=now)
    db.session.commit()
    security.count_ended(len(ended))

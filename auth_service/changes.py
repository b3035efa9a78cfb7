"""Owns what changes a user: roles, a new password, deletion, and the rule that the last admin stays."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select, update

from auth_service import audit, events, names, throttle
from auth_service.models import Session, User, db
from auth_service.purging import purge_refresh_tokens
from auth_service.sessions import USER_COLUMNS, LiveUser, commit_ends, end_sessions
from auth_service.users import Checked, unchanged_since

THE_LAST_ADMIN_STAYS = "the last admin stays"

Which = ColumnElement[bool]


class LastAdmin(Exception):
    """Without this user there would be no admin who can log in."""


def by_public_id(public_id: str) -> Which:
    """Return the condition for one user."""
    return User.public_id == public_id


def by_name(name: str) -> Which:
    """Return the condition for the user of this normalised name, in any case."""
    return User.folded_name == names.fold(name)


def change_user(
    which: Which, changes: Mapping[str, object], *, by: audit.By, now: datetime
) -> LiveUser | None:
    """Set `admin`, `disabled` or `password_hash` of a user and commit; return the user, if there is one.

    Whoever is disabled or gets another password is logged out everywhere. Raise `LastAdmin`.
    """
    if changes.get("admin") is False or changes.get("disabled"):
        _keep_an_admin(which)
    row = db.session.execute(update(User).where(which).values(**changes).returning(*USER_COLUMNS)).first()
    if row is None:
        db.session.rollback()
        return None
    audit.note_changes(row.public_id, changes, by=by, now=now)
    ends = changes.get("disabled") or "password_hash" in changes
    commit_ends(end_sessions(Session.user_id == row.id, now=now) if ends else [], why=str(by), now=now)
    return LiveUser(*row)


def replace_password(user: Checked, password_hash: str, *, now: datetime) -> list[str] | None:
    """Give the user another password in the transaction; return the sessions that ended, for `commit_ends`.

    Return None if the user was changed since the check.
    """
    statement = update(User).where(unchanged_since(user)).values(password_hash=password_hash)
    if db.session.execute(statement.returning(User.id)).first() is None:
        db.session.rollback()
        return None
    return end_sessions(Session.user_id == user.id, now=now)


def delete_user(which: Which, *, by: audit.By, now: datetime) -> str | None:
    """Delete a user with all there is of it, and commit; return its `public_id`, or None if there is none.

    Raise `LastAdmin`.
    """
    _keep_an_admin(which)
    user = db.session.execute(
        select(User.id, User.public_id, User.name).where(which).with_for_update()
    ).first()
    if user is None:
        db.session.rollback()
        return None
    audit.note(audit.DELETED, now=now, public_id=user.public_id, ip=by.ip, detail=str(by))
    throttle.forget_networks(user.name)
    _delete_refresh_tokens(user.id)
    db.session.execute(delete(User).where(User.id == user.id))  # and its sessions
    events.user_deleted(user.public_id, now=now)
    db.session.commit()
    return str(user.public_id)


def _keep_an_admin(which: Which) -> None:
    """Lock all admins who can log in, or raise `LastAdmin` if the user is the only one.

    The locks are taken before any other, in one order: of two who demote one another the second waits here,
    and then finds itself alone.
    """
    admins = select(User.id, which.label("is_concerned")).where(
        and_(User.admin.is_(True), User.disabled.is_(False))
    )
    rows = db.session.execute(admins.order_by(User.id).with_for_update()).all()
    if [row.is_concerned for row in rows] == [True]:
        db.session.rollback()
        raise LastAdmin(THE_LAST_ADMIN_STAYS)


def _delete_refresh_tokens(user_id: int) -> None:
    """Delete them a part at a time: a statement has to end in time, and there may be a million."""
    sessions = select(Session.id).where(Session.user_id == user_id).order_by(Session.id).with_for_update()
    locked = db.session.scalars(sessions).all()
    while purge_refresh_tokens(locked):
        pass

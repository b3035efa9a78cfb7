"""Owns what changes a user: roles, a new password, and deletion."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, update

from auth_service import audit, events, names, throttle
from auth_service.ending import commit_ends, end_for_change, end_some
from auth_service.models import User, db
from auth_service.purging import has_few_rows, purge_user
from auth_service.rights import Which, lock_user
from auth_service.sessions import USER_COLUMNS, LiveUser
from auth_service.users import Checked, lock_unchanged


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

    Whoever is disabled or gets another password is logged out everywhere. Raise `LastAdmin` or `NotAllowed`.
    """
    is_less = changes.get("admin") is False or bool(changes.get("disabled"))

    def lock() -> int | None:
        user = lock_user(which, by=by, is_less=is_less, now=now)
        return user.id if user else None

    if changes.get("disabled") or "password_hash" in changes:
        ended = end_for_change(lock, why=str(by), now=now)
    else:
        ended = None if lock() is None else []
    return None if ended is None else _change(which, changes, ended, by=by, now=now)


def _change(
    which: Which, changes: Mapping[str, object], ended: list[str], *, by: audit.By, now: datetime
) -> LiveUser:
    row = db.session.execute(update(User).where(which).values(**changes).returning(*USER_COLUMNS)).one()
    audit.note_changes(row.public_id, changes, by=by, now=now)
    commit_ends(ended, why=str(by), now=now)
    return LiveUser(*row)


def replace_password(user: Checked, password_hash: str, *, now: datetime) -> list[str] | None:
    """Give the user another password in the transaction; return the sessions that ended, for `commit_ends`.

    Return None if the user was changed since the check.
    """
    ended = end_for_change(lambda: lock_unchanged(user), why=audit.PASSWORD_CHANGED, now=now)
    if ended is None:
        db.session.rollback()
        return None
    db.session.execute(update(User).where(User.id == user.id).values(password_hash=password_hash))
    return ended


def delete_user(which: Which, *, by: audit.By, now: datetime) -> str | None:
    """Delete a user with all there is of it, and commit; return its `public_id`, or None if there is none.

    Of a user with many rows the sessions end first and go in transactions of their own, some at a time, until
    the rest fits into one statement: so nothing takes too long, and nothing is lost by a crash in between.
    Raise `LastAdmin` or `NotAllowed`.
    """
    while user := lock_user(which, by=by, is_less=True, now=now):
        if has_few_rows(user.id):
            break
        purge_user(user.id)
        commit_ends(end_some(user.id, now=now), why=str(by), now=now)
    if user is None:
        return None
    audit.note(audit.DELETED, now=now, public_id=user.public_id, ip=by.ip, detail=str(by))
    throttle.forget_networks(user.name)
    db.session.execute(delete(User).where(User.id == user.id))  # and its sessions, by their foreign keys
    events.user_deleted(user.public_id, now=now)
    db.session.commit()
    return user.public_id

"""Changes of a user: roles, a new password, and deletion."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, update

from auth_service import audit, events
from auth_service.models import USER_COLUMNS, User, UserRow, db
from auth_service.sessions.ending import END_ALL, end_sessions, publish_ends
from auth_service.sessions.purging import has_few_rows, purge_user
from auth_service.throttle.attempts import forget_networks, key_of
from auth_service.users.accounts import Checked, UserNotFound, lock_unchanged
from auth_service.users.rights import LockedUser, lock_user

UPDATE = update(User).where(User.id == bindparam("user_id")).returning(*USER_COLUMNS)
DELETE = delete(User).where(User.id == bindparam("user_id"))  # and its sessions, by their foreign keys


def change_user(public_id: str, changes: Mapping[str, object], *, by: audit.Actor, now: datetime) -> UserRow:
    """Set `admin`, `disabled` or `password_hash` of a user; return the user, or raise `UserNotFound`.

    Disabling and a new password log the user out everywhere. Raise what `lock_user` does.
    """
    logs_out = bool(changes.get("disabled")) or "password_hash" in changes
    removes_admin = changes.get("admin") is False or bool(changes.get("disabled"))
    with db.write() as connection:
        user = lock_user(connection, public_id, by=by, removes_admin=removes_admin, now=now)
        if user is None:
            raise UserNotFound
        ended = end_sessions(connection, END_ALL, of_user=user.id, now=now) if logs_out else []
        changed = connection.execute(UPDATE, {"user_id": user.id, **changes}).one()
        audit.record_changes(connection, public_id, changes, by=by, now=now)
        publish_ends(connection, ended, why=str(by), now=now)
    return changed


def replace_password(
    connection: Connection, user: Checked, password_hash: str, *, now: datetime
) -> Sequence[str] | None:
    """Give the user another password; return the sessions that ended, for `publish_ends`.

    Return None if the user was changed since the check.
    """
    if lock_unchanged(connection, user) is None:
        return None
    connection.execute(UPDATE, {"user_id": user.id, "password_hash": password_hash})
    return end_sessions(connection, END_ALL, of_user=user.id, now=now)


def delete_user(
    public_id: str, *, by: audit.Actor, now: datetime, checked: Checked | None = None
) -> str | None:
    """Delete a user with all its data; return its `public_id`, or None if there is none.

    With `checked` it has to be as it was then. If there are very many refresh tokens, the sessions end first
    and are deleted in transactions of their own, some at a time, until one statement can take the rest: so no
    statement takes too long, and a crash in between loses no event. Raise what `lock_user` does.
    """
    while True:
        with db.write() as connection:
            user = lock_user(connection, public_id, by=by, removes_admin=True, now=now, checked=checked)
            if user is None:
                return None
            if has_few_rows(connection, user.id):
                _delete(connection, user, by=by, now=now)
                return public_id
            purge_user(connection, user.id)
            ended = end_sessions(connection, END_ALL, of_user=user.id, now=now)
            publish_ends(connection, ended, why=str(by), now=now)


def _delete(connection: Connection, user: LockedUser, *, by: audit.Actor, now: datetime) -> None:
    audit.record(connection, audit.DELETED, now=now, public_id=user.public_id, ip=by.ip, detail=str(by))
    forget_networks(connection, key_of(user.name))
    connection.execute(DELETE, {"user_id": user.id})
    events.user_deleted(connection, user.public_id, now=now)

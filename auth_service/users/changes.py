"""Changes of a user: roles, a new password, and deletion."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, update

from auth_service import audit, events
from auth_service.models import USER_COLUMNS, User, UserRow, db
from auth_service.sessions.ending import END_ALL, end_sessions
from auth_service.sessions.purging import has_few_rows, purge_user
from auth_service.throttle.attempts import forget_networks, key_of
from auth_service.users.accounts import Checked, UserNotFound
from auth_service.users.rights import LockedUser, lock_user

UPDATE = update(User).where(User.id == bindparam("user_id")).returning(*USER_COLUMNS)
DELETE = delete(User).where(User.id == bindparam("user_id"))  # and its sessions, by their foreign keys


def change_user(public_id: str, changes: Mapping[str, object], *, by: audit.Actor) -> UserRow:
    """Set `admin`, `disabled` or `password_hash` of a user; return the user, or raise `UserNotFound`.

    Disabling and a new password log the user out everywhere. Raise what `lock_user` does.
    """
    logs_out = bool(changes.get("disabled")) or "password_hash" in changes
    removes_admin = changes.get("admin") is False or bool(changes.get("disabled"))
    with db.write() as connection:
        user = lock_user(connection, public_id, by=by, removes_admin=removes_admin)
        if user is None:
            raise UserNotFound
        changed = connection.execute(UPDATE, {"user_id": user.id, **changes}).one()
        audit.record_changes(connection, public_id, changes, by=by)
        if logs_out:
            end_sessions(connection, END_ALL, of_user=user.id, why=str(by))
    return changed


def delete_user(public_id: str, *, by: audit.Actor, checked: Checked | None = None) -> str | None:
    """Delete a user with all its data; return its `public_id`, or None if there is none.

    With `checked` it has to be as it was then. If there are very many refresh tokens, the sessions end first
    and are deleted in transactions of their own, some at a time, until one statement can take the rest: so no
    statement takes too long, and a crash in between loses no event. Raise what `lock_user` does.
    """
    while True:
        with db.write() as connection:
            user = lock_user(connection, public_id, by=by, removes_admin=True, checked=checked)
            if user is None:
                return None
            if has_few_rows(connection, user.id):
                _delete(connection, user, by=by)
                return public_id
            purge_user(connection, user.id)
            end_sessions(connection, END_ALL, of_user=user.id, why=str(by))


def _delete(connection: Connection, user: LockedUser, *, by: audit.Actor) -> None:
    audit.record(connection, "user.deleted", public_id=user.public_id, ip=by.ip, detail=str(by))
    forget_networks(connection, key_of(user.name))
    connection.execute(DELETE, {"user_id": user.id})
    events.user_deleted(connection, user.public_id)

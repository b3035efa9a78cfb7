"""Changes of a user: roles, a new password, and deletion, by an admin who still is one; an admin stays."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, and_, bindparam, delete, select, update
from sqlalchemy.orm import aliased

from auth_service import audit, events
from auth_service.audit import Actor
from auth_service.models import USER_COLUMNS, Session, User, UserRow, db
from auth_service.sessions.ending import END_ALL, IS_LIVE, delete_ended_sessions, end_sessions
from auth_service.throttle.attempts import FORGET_NETWORKS, key_of
from auth_service.users.accounts import UserNotFound, add_user
from common.errors import DomainError, TokenRevoked

LockedUser = Row[*tuple[Any, ...]]  # of `LOCK`: nobody else can change the user until the transaction ends

_target, _admin = aliased(User), aliased(User)
_concerned = select(User.id).where(User.public_id.in_(bindparam("concerned", expanding=True)))
_admins = (  # if one of them is to be removed: in a subquery, because SQLite reads no index for an OR of both
    select(_admin.id)
    .join(_target, and_(_target.admin.is_(True), _target.disabled.is_(False)))
    .where(_target.public_id == bindparam("removed"), _admin.admin.is_(True), _admin.disabled.is_(False))
)
LOCK = (
    select(User.id, User.public_id, User.name, User.admin, User.disabled, User.password_hash)
    .where(User.id.in_(_concerned.union_all(_admins)))
    # All in one order: of two admins who demote one another the second waits, and finds that it is none.
    .order_by(User.id)
    .with_for_update()
)
LIVE_SESSION = select(Session.id).where(
    Session.id == bindparam("session_id"), Session.user_id == bindparam("user_id"), IS_LIVE
)
UPDATE = update(User).where(User.id == bindparam("user_id")).returning(*USER_COLUMNS)
DELETE = delete(User).where(User.id == bindparam("user_id"))  # and its sessions, by their foreign keys

CHANGES: dict[tuple[str, object], str] = {
    ("admin", True): "user.promoted",
    ("admin", False): "user.demoted",
    ("disabled", True): "user.disabled",
    ("disabled", False): "user.enabled",
}

log = structlog.get_logger()


class LastAdmin(DomainError):
    status = 409
    code = "last-admin"
    message = "the last admin stays"


class AdminsOnly(DomainError):
    status = 403
    code = "admins-only"
    message = "only an admin may do this"


def make_user(name: str, password_hash: str, *, admin: bool, by: Actor) -> UserRow:
    """Add a user for somebody else; return it, or raise `NameTaken` or what `lock_user` does."""
    with db.write() as connection:
        lock_user(connection, by.who, by=by, removes_admin=False)
        user = add_user(connection, name, password_hash, admin=admin)
        audit.record(connection, "user.made", public_id=user.public_id, ip=by.ip, detail=str(by))
    return user


def update_user(public_id: str, changes: Mapping[str, object], *, by: Actor) -> UserRow:
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
        for change in changes.items():
            event = CHANGES.get(change, audit.PASSWORD_CHANGED)
            audit.record(connection, event, public_id=public_id, ip=by.ip, detail=str(by))
        if logs_out:
            end_sessions(connection, END_ALL, of_user=user.id, why=str(by))
    return changed


def erase_user(public_id: str, *, by: Actor, password_hash: str | None = None) -> str | None:
    """Delete a user with all its data; return its `public_id`, or None if there is none.

    With `password_hash` it must be enabled and still have that hash. Sessions that have ended go first, for
    there may be very many: of others there are few. Raise what `lock_user` does.
    """
    delete_ended_sessions(public_id)
    with db.write() as connection:
        user = lock_user(connection, public_id, by=by, removes_admin=True, password_hash=password_hash)
        if user is None:
            return None
        audit.record(connection, "user.deleted", public_id=public_id, ip=by.ip, detail=str(by))
        connection.execute(FORGET_NETWORKS, {"name_key": key_of(user.name)})
        connection.execute(DELETE, {"user_id": user.id})
        events.user_deleted(connection, public_id)
    return public_id


def lock_user(
    connection: Connection,
    public_id: str,
    *,
    by: Actor,
    removes_admin: bool,
    password_hash: str | None = None,
) -> LockedUser | None:
    """Lock the user who is to be changed and return it, or None if there is none or it was changed.

    Raise `TokenRevoked` or `AdminsOnly` if the actor has lost the right to, and `LastAdmin` if the change
    would leave no admin who can log in.
    """
    concerned = [public_id, by.who] if by.session_id else [public_id]
    parameters = {"concerned": concerned, "removed": public_id if removes_admin else ""}
    users = connection.execute(LOCK, parameters).all()
    if removes_admin and _admins_of(users) == [public_id]:
        # Somebody may have been promoted while this waited for a lock: the next statement sees it.
        users = connection.execute(LOCK, parameters).all()
    _require_rights(connection, users, by)
    target = next((user for user in users if user.public_id == public_id), None)
    if target is None or (password_hash and (target.disabled or target.password_hash != password_hash)):
        return None
    if removes_admin and _admins_of(users) == [public_id]:
        log.warning("last_admin_stays")
        raise LastAdmin
    return target


def _admins_of(users: Sequence[LockedUser]) -> list[str]:
    return [user.public_id for user in users if user.admin and not user.disabled]


def _require_rights(connection: Connection, users: Sequence[LockedUser], by: Actor) -> None:
    """Refuse an admin who was demoted, disabled or logged out while the request was served."""
    if by.session_id is None:
        return
    actor = next((user for user in users if user.public_id == by.who and not user.disabled), None)
    parameters = {"session_id": by.session_id, "user_id": actor and actor.id, "now": datetime.now(UTC)}
    if actor is None or connection.execute(LIVE_SESSION, parameters).first() is None:
        raise TokenRevoked("session")
    if not actor.admin:
        log.warning("forbidden", reason="not_admin")
        raise AdminsOnly

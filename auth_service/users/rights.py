"""Owns what is locked before a user is changed, and what has to hold then: an admin acts, and one stays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, or_, select

from auth_service.audit import Actor
from auth_service.models import Session, User
from auth_service.sessions.ending import IS_LIVE
from auth_service.users.accounts import Checked

THE_LAST_ADMIN_STAYS = "the last admin stays"

_is_concerned = User.public_id.in_(bindparam("concerned", expanding=True))
_users = select(User.id, User.public_id, User.name, User.admin, User.disabled, User.password_hash)
# All in one order: of two admins who demote one another the second waits, and finds that it is none.
_users = _users.order_by(User.id).with_for_update()
LOCK = _users.where(_is_concerned)
LOCK_WITH_ADMINS = _users.where(or_(_is_concerned, and_(User.admin.is_(True), User.disabled.is_(False))))
LIVE_SESSION = select(Session.id).where(
    Session.id == bindparam("session_id"), Session.user_id == bindparam("user_id"), IS_LIVE
)


class LastAdmin(Exception):
    """Without this user there would be no admin who can log in."""


class NotAllowed(Exception):
    """Whoever wants the change is not, or no longer, an admin; `is_known` tells whether it is logged in."""

    def __init__(self, *, is_known: bool) -> None:
        super().__init__("no admin")
        self.is_known = is_known


@dataclass(frozen=True, slots=True)
class LockedUser:
    """A user whom nobody else can change until the transaction ends."""

    id: int
    public_id: str
    name: str
    admin: bool
    disabled: bool
    password_hash: str = field(repr=False)

    @property
    def is_active_admin(self) -> bool:
        """Return whether it is an admin who can log in."""
        return self.admin and not self.disabled


def lock_user(
    connection: Connection,
    public_id: str,
    *,
    by: Actor,
    removes_admin: bool,
    now: datetime,
    checked: Checked | None = None,
) -> LockedUser | None:
    """Lock the user who is to be changed and return it, or None if there is none or it is not as `checked`.

    Raise `NotAllowed` if who acts has no right to any more, `LastAdmin` if the change would leave no admin
    who can log in.
    """
    concerned = [public_id, by.who] if by.session_id else [public_id]
    savepoint = connection.begin_nested()
    users = _lock(connection, LOCK, concerned)
    if removes_admin and _is_alone(_target(users, public_id, checked), users):
        savepoint.rollback()  # gives the locks back: those of the others may have to come first
        users = _lock(connection, LOCK_WITH_ADMINS, concerned)
    _require_rights(connection, users, by, now)
    target = _target(users, public_id, checked)
    if removes_admin and _is_alone(target, users):
        raise LastAdmin(THE_LAST_ADMIN_STAYS)
    return target


def _lock(
    connection: Connection, statement: Select[*tuple[Any, ...]], concerned: list[str]
) -> list[LockedUser]:
    return [LockedUser(*row) for row in connection.execute(statement, {"concerned": concerned})]


def _target(users: Sequence[LockedUser], public_id: str, checked: Checked | None) -> LockedUser | None:
    target = next((user for user in users if user.public_id == public_id), None)
    if checked and target and (target.disabled or target.password_hash != checked.password_hash):
        return None
    return target


def _is_alone(target: LockedUser | None, users: Sequence[LockedUser]) -> bool:
    """Return whether the one to be changed is the only admin among those who are locked.

    Another one who is locked stays an admin, so usually whoever acts is enough and no further lock is needed.
    """
    return target is not None and [user for user in users if user.is_active_admin] == [target]


def _require_rights(connection: Connection, users: Sequence[LockedUser], by: Actor, now: datetime) -> None:
    if by.session_id is None:
        return
    actor = next((user for user in users if user.public_id == by.who and not user.disabled), None)
    parameters = {"session_id": by.session_id, "user_id": actor and actor.id, "now": now}
    if actor is None or connection.execute(LIVE_SESSION, parameters).first() is None:
        raise NotAllowed(is_known=False)
    if not actor.admin:
        raise NotAllowed(is_known=True)

"""Owns what is locked before a user is changed, and what has to hold then: an admin acts, and one stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select

from auth_service.audit import By
from auth_service.ending import is_live
from auth_service.models import Session, User, db

THE_LAST_ADMIN_STAYS = "the last admin stays"

Which = ColumnElement[bool]


class LastAdmin(Exception):
    """Without this user there would be no admin who can log in."""


class NotAllowed(Exception):
    """Whoever wants the change is not, or no longer, an admin; `is_known` tells whether it is logged in."""

    def __init__(self, *, is_known: bool) -> None:
        super().__init__("no admin")
        self.is_known = is_known


@dataclass(frozen=True, slots=True)
class Locked:
    """A user whom nobody else can change until the transaction ends."""

    id: int
    public_id: str
    name: str
    admin: bool
    disabled: bool
    is_target: bool

    @property
    def can_rule(self) -> bool:
        """Tell whether it is an admin who can log in."""
        return self.admin and not self.disabled


_can_rule = and_(User.admin.is_(True), User.disabled.is_(False))


def lock_user(which: Which, *, by: By, is_less: bool, now: datetime) -> Locked | None:
    """Lock the user who is to be changed and return it, or None if there is none.

    Raise `NotAllowed` if who acts has no right to any more, `LastAdmin` if the user is to be less (`is_less`)
    than the one admin who can log in.
    """
    users = _lock(which, by)
    if is_less and _is_alone(users):
        db.session.rollback()
        users = _lock(which, by, _can_rule)
    refusal = _look_at_rights(users, by, now)
    if refusal is None and is_less and _is_alone(users):
        refusal = LastAdmin(THE_LAST_ADMIN_STAYS)
    target = next((user for user in users if user.is_target), None)
    if refusal or target is None:
        db.session.rollback()
    if refusal:
        raise refusal
    return target


def _lock(which: Which, by: By, *others: Which) -> Sequence[Locked]:
    """Lock the user, whoever acts, and `others`.

    All in one order: of two admins who demote one another the second waits here, and finds that it is none.
    """
    acts = [User.public_id == by.who] if by.session_id else []
    columns = (User.id, User.public_id, User.name, User.admin, User.disabled, which.label("is_target"))
    concerned = select(*columns).where(or_(which, *acts, *others)).order_by(User.id)
    return [Locked(*row) for row in db.session.execute(concerned.with_for_update())]


def _is_alone(users: Sequence[Locked]) -> bool:
    """Tell whether the one to be changed is the only admin among those who are locked.

    Another one who is locked stays an admin, so usually whoever acts is enough and no further lock is needed.
    """
    return [user.is_target for user in users if user.can_rule] == [True]


def _look_at_rights(users: Sequence[Locked], by: By, now: datetime) -> Exception | None:
    if by.session_id is None:
        return None
    actor = next((user for user in users if user.public_id == by.who and not user.disabled), None)
    if actor is None or not _has_session(actor, by.session_id, now):
        return NotAllowed(is_known=False)
    return None if actor.admin else NotAllowed(is_known=True)


def _has_session(user: Locked, session_id: str, now: datetime) -> bool:
    live = select(Session.id).where(Session.id == session_id, is_live(user.id, now))
    return db.session.scalar(live) is not None

"""Owns how sessions end: told as they end, and some at a time, so that no statement grows with them."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, update

from auth_service import audit, events, security
from auth_service.models import Session, User, db

AT_ONCE = 500  # sessions that a transaction ends: statements bind them all, and have to end in time
BY_USER = "ended by the user"


def is_live(user_id: int, now: datetime) -> ColumnElement[bool]:
    """Return the condition for the live sessions of a user."""
    return and_(Session.user_id == user_id, Session.ended_at.is_(None), Session.expires_at > now)


def end_sessions(which: ColumnElement[bool], *, now: datetime) -> list[str]:
    """End sessions in the transaction and return their ids; `commit_ends` has to tell them.

    They are `AT_ONCE` at most. One that expired may end too: its last access token may live on. Whoever ends
    several holds the lock of their user's row, so that no two transactions lock the same sessions in
    different orders.
    """
    statement = update(Session).where(which, Session.ended_at.is_(None)).values(ended_at=now, expires_at=now)
    return list(db.session.scalars(statement.returning(Session.id)))


def end_some(user_id: int, *, now: datetime) -> list[str]:
    """End `AT_ONCE` sessions of the user in the transaction, all if there are no more; return their ids."""
    some = select(Session.id).where(Session.user_id == user_id, Session.ended_at.is_(None)).limit(AT_ONCE)
    return end_sessions(Session.id.in_(db.session.scalars(some).all()), now=now)


def end_for_change(lock: Callable[[], int | None], *, why: str, now: datetime) -> list[str] | None:
    """End every session of a user in the transaction of a change; return the ids, for `commit_ends`.

    `lock` locks the user and returns its row id, or None if there is nothing to change; then so is this. Of
    more sessions than `AT_ONCE` the first end in transactions of their own, each behind a lock: after a crash
    some have ended and been told, and the change that all were to end for has not been made.
    """
    while (user_id := lock()) is not None:
        ended = end_some(user_id, now=now)
        if len(ended) < AT_ONCE:
            return ended
        commit_ends(ended, why=why, now=now)
    return None


def end_all_sessions(user_id: int, *, now: datetime) -> int:
    """End every session of the user and commit; return how many there were."""
    count, ended = 0, [""] * AT_ONCE
    while len(ended) == AT_ONCE:
        db.session.execute(select(User.id).where(User.id == user_id).with_for_update())
        ended = end_some(user_id, now=now)
        commit_ends(ended, why=BY_USER, now=now)
        count += len(ended)
    return count


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

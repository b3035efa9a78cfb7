"""Owns how sessions end: told as they end, and some at a time, so that no statement grows with them."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, select, update

from auth_service import audit, events, security
from auth_service.models import Session, User, db

AT_ONCE = 500  # sessions that a transaction ends: statements bind them all, and have to end in time
BY_USER = "ended by the user"

HAS_NOT_ENDED = Session.ended_at.is_(None)
IS_LIVE = and_(HAS_NOT_ENDED, Session.expires_at > bindparam("now"))


def end_where(which: ColumnElement[bool]) -> Update:
    """Return the statement that ends sessions, for `end_sessions`.

    One that expired may end too: its last access token may live on. Who ends several of them holds the lock
    of their user's row, so that no two transactions lock the same sessions in different orders.
    """
    return (
        update(Session)
        .where(which, HAS_NOT_ENDED)
        .values(ended_at=bindparam("now"), expires_at=bindparam("now"))
        .returning(Session.id)
    )


_of_user = Session.user_id == bindparam("of_user")
END_ONE = end_where(Session.id == bindparam("of_session"))
END_LIVE_ONE = end_where(and_(Session.id == bindparam("of_session"), _of_user, IS_LIVE))
END_SOME = end_where(Session.id.in_(select(Session.id).where(_of_user, HAS_NOT_ENDED).limit(AT_ONCE)))
END_ALL = end_where(_of_user)  # once `end_surplus` has ended those that are too many
SURPLUS = (
    select(Session.id)
    .join(User, User.id == Session.user_id)
    .where(User.public_id == bindparam("public_id"), HAS_NOT_ENDED)
    .offset(AT_ONCE)
    .limit(1)
)
LOCK_USER = select(User.id).where(User.public_id == bindparam("public_id")).with_for_update()


def end_sessions(
    connection: Connection, statement: Update, *, now: datetime, **parameters: object
) -> Sequence[str]:
    """End sessions; return their ids, which `publish_ends` has to publish."""
    return connection.execute(statement, {"now": now, **parameters}).scalars().all()


def end_surplus(public_id: str, lock: Callable[[Connection], int | None], *, why: str, now: datetime) -> int:
    """End sessions of a user until at most `AT_ONCE` are left, to end with a change; return how many ended.

    Each transaction is behind `lock`, which locks the user and returns its row id, or None if there is
    nothing to change. After a crash some have ended and been told, and the change has not been made.
    """
    count = 0
    while _has_surplus(public_id):
        with db.write() as connection:
            user_id = lock(connection)
            if user_id is None:
                break
            ended = end_sessions(connection, END_SOME, of_user=user_id, now=now)
            publish_ends(connection, ended, why=why, now=now)
        count += len(ended)
    return count


def _has_surplus(public_id: str) -> bool:
    with db.read() as connection:
        return connection.execute(SURPLUS, {"public_id": public_id}).first() is not None


def end_all_sessions(public_id: str, *, now: datetime) -> int:
    """End every session of the user; return how many there were."""

    def lock(connection: Connection) -> int | None:
        return connection.execute(LOCK_USER, {"public_id": public_id}).scalar()

    count = end_surplus(public_id, lock, why=BY_USER, now=now)
    with db.write() as connection:
        ended = end_sessions(connection, END_ALL, of_user=lock(connection), now=now)
        publish_ends(connection, ended, why=BY_USER, now=now)
    return count + len(ended)


def end_own_session(user_id: int, session_id: str, *, now: datetime) -> bool:
    """End this live session of the user; return whether there is one."""
    of_user = {"of_session": session_id, "of_user": user_id}
    with db.write() as connection:
        ended = end_sessions(connection, END_LIVE_ONE, **of_user, now=now)
        publish_ends(connection, ended, why=BY_USER, now=now)
    return bool(ended)


def publish_ends(connection: Connection, ended: Sequence[str], *, why: str, now: datetime) -> None:
    """Tell which sessions the transaction ended; call it last. `why` is for the audit log."""
    audit.record_ends(connection, ended, why=why, now=now)
    events.session_ended(connection, ended, now=now)
    security.count_ended(len(ended))

"""How sessions end: in one transaction with their audit entries and their events."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, select, update

from auth_service import audit, events, security_log
from auth_service.models import Session, User, db
from common.errors import DomainError

BY_USER = "ended by the user"

HAS_NOT_ENDED = Session.ended_at.is_(None)
IS_LIVE = and_(HAS_NOT_ENDED, Session.expires_at > bindparam("now"))


class SessionNotFound(DomainError):
    """The user has no such live session."""

    status = 404
    code = "session-not-found"
    message = "session does not exist"


def end_where(condition: ColumnElement[bool]) -> Update:
    """Return the statement that ends sessions, for `end_sessions`.

    Expired sessions may end too: their last access token may live on. A transaction that ends several holds
    the lock of their user's row, so that no two transactions lock the same sessions in different orders.
    """
    return (
        update(Session)
        .where(condition, HAS_NOT_ENDED)
        .values(ended_at=bindparam("now"), expires_at=bindparam("now"))
        .returning(Session.id)
    )


_of_user = Session.user_id == bindparam("of_user")
END_ONE = end_where(Session.id == bindparam("of_session"))
END_LIVE_ONE = end_where(and_(Session.id == bindparam("of_session"), _of_user, IS_LIVE))
END_ALL = end_where(_of_user)
END_OTHERS = end_where(and_(_of_user, Session.id != bindparam("of_session")))
LOCK_USER = select(User.id).where(User.id == bindparam("user_id")).with_for_update()


def end_sessions(
    connection: Connection, statement: Update, *, why: str, **parameters: object
) -> Sequence[str]:
    """End sessions, publish it, and return their ids; `why` is for the audit log.

    Call it late in the transaction, which holds the lock of the feed from then on.
    """
    ended = connection.execute(statement, {"now": datetime.now(UTC), **parameters}).scalars().all()
    audit.record_ends(connection, ended, why=why)
    events.session_ended(connection, ended)
    security_log.count_ended(len(ended))
    return ended


def end_all_sessions(user_id: int) -> int:
    """End every session of the user; return how many there were."""
    with db.write() as connection:
        connection.execute(LOCK_USER, {"user_id": user_id}).all()
        return len(end_sessions(connection, END_ALL, of_user=user_id, why=BY_USER))


def end_own_session(user_id: int, session_id: str) -> None:
    """End this live session of the user, or raise `SessionNotFound`."""
    one = {"of_session": session_id, "of_user": user_id}
    with db.write() as connection:
        if not end_sessions(connection, END_LIVE_ONE, why=BY_USER, **one):
            raise SessionNotFound

"""The audit log: what happened to users, sessions and keys, for operators, kept for 90 days.

It never holds what a stranger typed: a failed login for an unknown name is recorded without the name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, literal, or_, select

from auth_service import names
from auth_service.models import AuditEntry, Session, User, db
from auth_service.retention import delete_old

KEPT = timedelta(days=90)
PURGE_EVERY = 50  # entries
PURGE_BATCH = 200  # entries, more than are written between two purges
PAGE = 1000  # entries read at a time

LOGIN_FAILED = "login.failed"
SESSION_ENDED = "session.ended"
PASSWORD_CHANGED = "password.changed"  # noqa: S105 - what happened, and no password

CHANGES: dict[tuple[str, object], str] = {
    ("admin", True): "user.promoted",
    ("admin", False): "user.demoted",
    ("disabled", True): "user.disabled",
    ("disabled", False): "user.enabled",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes a user, and from which address."""

    who: str
    ip: str | None = None
    session_id: str | None = None  # of an admin, who must still be one when the change is made

    def __str__(self) -> str:
        return f"by {self.who}"


OPERATOR = Actor("an operator")


Entry = Row[*tuple[Any, ...]]  # of `ENTRIES`

_of_user = User.public_id == bindparam("of_user")
INSERT = (
    insert(AuditEntry)
    .values(
        name=select(User.name).where(_of_user).scalar_subquery(),
        folded_name=select(User.folded_name).where(_of_user).scalar_subquery(),
    )
    .returning(AuditEntry.id)
)
DELETE_OLD = delete_old(AuditEntry.id, AuditEntry.at, limit=PURGE_BATCH)
_who = (AuditEntry.public_id, AuditEntry.name, AuditEntry.folded_name)
COLUMNS = (AuditEntry.at, AuditEntry.event, *_who, AuditEntry.ip, AuditEntry.session_id, AuditEntry.detail)
INSERT_ENDS = insert(AuditEntry).from_select(
    COLUMNS,
    select(
        bindparam("now", type_=AuditEntry.at.type),
        literal(SESSION_ENDED),
        User.public_id,
        User.name,
        User.folded_name,
        Session.ip,
        Session.id,
        bindparam("why", type_=AuditEntry.detail.type),
    )
    .join(User, User.id == Session.user_id)
    .where(Session.id.in_(bindparam("sessions", expanding=True))),
)
# A page of entries, behind the last one of the page before.
ENTRIES = (
    select(AuditEntry.id, *COLUMNS)
    .where(
        AuditEntry.at >= bindparam("at"),
        or_(AuditEntry.at > bindparam("at"), AuditEntry.id > bindparam("id")),
    )
    .order_by(AuditEntry.at, AuditEntry.id)
    .limit(PAGE)
)
ENTRIES_OF_NAME = ENTRIES.where(AuditEntry.folded_name == bindparam("folded_name"))


def record(
    connection: Connection,
    event: str,
    *,
    public_id: str | None = None,
    ip: str | None = None,
    session_id: str | None = None,
    detail: str | None = None,
) -> None:
    """Add an entry. It reads the name from the user's row, so call it before the user is deleted.

    `detail` is in our words: the reason of a failure, or who made the change.
    """
    now = datetime.now(UTC)
    row = {"at": now, "event": event, "public_id": public_id or None, "of_user": public_id or ""}
    row |= {"ip": ip or None, "session_id": session_id, "detail": detail}
    entry_id = connection.execute(INSERT, row).scalar_one()
    if entry_id % PURGE_EVERY == 0:
        connection.execute(DELETE_OLD, {"before": now - KEPT})


def record_changes(
    connection: Connection, public_id: str, changes: Mapping[str, object], *, by: Actor
) -> None:
    """Add an entry for each column of a user that is set."""
    for change in changes.items():
        event = CHANGES.get(change, PASSWORD_CHANGED)
        record(connection, event, public_id=public_id, ip=by.ip, detail=str(by))


def record_ends(connection: Connection, sessions: Sequence[str], *, why: str) -> None:
    """Add an entry for each session, while it has a row; the address is its last one."""
    if sessions:
        connection.execute(INSERT_ENDS, {"now": datetime.now(UTC), "why": why, "sessions": sessions})


def entries(*, name: str | None, since: datetime) -> Iterator[Entry]:
    """Yield the entries since then, oldest first; with a name, only those of its users, in any case."""
    folded_name = None if name is None else names.fold(names.normalise(name))
    page = _read(folded_name, since, 0)
    while page:
        yield from page
        page = _read(folded_name, page[-1].at, page[-1].id)


def _read(folded_name: str | None, at: datetime, id_: int) -> Sequence[Entry]:
    statement = ENTRIES if folded_name is None else ENTRIES_OF_NAME
    with db.read() as connection:
        return connection.execute(statement, {"at": at, "id": id_, "folded_name": folded_name}).all()

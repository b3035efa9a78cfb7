"""What happened to users, sessions and keys: entries of the audit log, kept for 90 days, and log lines.

Neither holds a secret, nor what a stranger typed: a failed login for an unknown name is without the name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy import Connection, Row, bindparam, insert, literal, or_, select

from auth_service import names
from auth_service.models import AuditEntry, Session, User, db
from auth_service.retention import date_back, date_rows_back, delete_old

KEPT = timedelta(days=90)
PURGE_EVERY = 50  # entries
PURGE_BATCH = 200  # entries, more than are written between two purges
PAGE = 1000  # entries read at a time

LOGIN_FAILED = "login.failed"
SESSION_ENDED = "session.ended"
PASSWORD_CHANGED = "password.changed"  # noqa: S105 - what happened, and no password

log = structlog.get_logger()

_events = Counter("security_events_total", "Logins, refreshes, changes of users and the like.", ["event"])
_ended = Counter("sessions_ended_total", "Sessions that ended before they expired.")


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
DATE_BACK = date_back(AuditEntry.id, AuditEntry.at, limit=PURGE_BATCH)
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


def log_event(event: str, **details: object) -> None:
    """Log and count that something succeeded."""
    _events.labels(event).inc()
    log.info(event, **details)


def log_refusal(event: str, **details: object) -> None:
    """Log and count that something was refused, or looks like an attack."""
    _events.labels(event).inc()
    log.warning(event, **details)


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
        date_rows_back(connection, DATE_BACK, latest=now)
        connection.execute(DELETE_OLD, {"before": now - KEPT})


def record_ends(connection: Connection, sessions: Sequence[str], *, why: str) -> None:
    """Add an entry for each session that ended, while it has a row; the address is its last one."""
    connection.execute(INSERT_ENDS, {"now": datetime.now(UTC), "why": why, "sessions": sessions})
    _ended.inc(len(sessions))


def entries(*, name: str | None, since: datetime) -> Iterator[Entry]:
    """Yield the entries since then, oldest first; with a name, only those of its users, in any case."""
    statement = ENTRIES if name is None else ENTRIES_OF_NAME
    behind = {"at": since, "id": 0, "folded_name": name and names.fold_typed(name, otherwise="")}
    while True:
        with db.read() as connection:
            page = connection.execute(statement, behind).all()
        yield from page
        if len(page) < PAGE:
            return
        behind |= {"at": page[-1].at, "id": page[-1].id}

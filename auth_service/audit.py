"""Owns the audit log: what happened to users, sessions and keys, for operators, kept for 90 days.

What a stranger typed is never in it: a failed login for a name that nobody has says no name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, insert, literal, or_, select

from auth_service import names
from auth_service.models import AuditEntry, Session, User, db
from auth_service.old_rows import delete_old
from common.columns import UtcDateTime

KEPT = timedelta(days=90)
PURGE_EVERY = 50  # entries
PURGE_BATCH = 200  # entries, more than are written between two purges
PAGE = 1000  # entries read at a time

LOGIN = "login"
LOGIN_FAILED = "login.failed"
REGISTERED = "registered"
SESSION_ENDED = "session.ended"
USER_MADE = "user.made"
PROMOTED = "user.promoted"
DEMOTED = "user.demoted"
DISABLED = "user.disabled"
ENABLED = "user.enabled"
DELETED = "user.deleted"
PASSWORD_CHANGED = "password.changed"  # noqa: S105 - what happened, and no password
PASSWORD_REFUSED = "password.refused"  # noqa: S105 - the name of an event
KEY_MADE = "key.made"
KEY_ROTATED = "key.rotated"
KEY_RETIRED = "key.retired"

CHANGES: dict[tuple[str, object], str] = {
    ("admin", True): PROMOTED,
    ("admin", False): DEMOTED,
    ("disabled", True): DISABLED,
    ("disabled", False): ENABLED,
}


@dataclass(frozen=True, slots=True)
class By:
    """Who did something to a user, and from which address."""

    who: str
    ip: str | None = None
    session_id: str | None = None  # of an admin, who has to be one still when the change is made

    def __str__(self) -> str:
        return f"by {self.who}"


OPERATOR = By("an operator")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it was written."""

    id: int
    at: datetime
    event: str
    public_id: str | None
    name: str | None
    ip: str | None
    session_id: str | None
    detail: str | None


_ENDED = ["at", "event", "public_id", "name", "folded_name", "ip", "session_id", "detail"]
_columns = (
    AuditEntry.id,
    AuditEntry.at,
    AuditEntry.event,
    AuditEntry.public_id,
    AuditEntry.name,
    AuditEntry.ip,
    AuditEntry.session_id,
    AuditEntry.detail,
)


def note(
    event: str,
    *,
    now: datetime,
    public_id: str | None = None,
    ip: str | None = None,
    session_id: str | None = None,
    detail: str | None = None,
) -> None:
    """Add an entry to the transaction; before a user is deleted, for the name is read from its row.

    `detail` is in words of ours: the reason of a failure, or who did it to somebody else.
    """
    values = {"at": now, "event": event, "public_id": public_id or None}
    values |= {"ip": ip or None, "session_id": session_id, "detail": detail}
    for column in (User.name, User.folded_name):
        values[column.key] = select(column).where(User.public_id == (public_id or "")).scalar_subquery()
    entry_id = db.session.execute(insert(AuditEntry).values(values).returning(AuditEntry.id)).scalar_one()
    if entry_id % PURGE_EVERY == 0:
        delete_old(AuditEntry.id, AuditEntry.at, before=now - KEPT, limit=PURGE_BATCH)


def note_changes(public_id: str, changes: Mapping[str, object], *, by: By, now: datetime) -> None:
    """Add an entry to the transaction for each column of a user that is set."""
    for change in changes.items():
        event = CHANGES.get(change, PASSWORD_CHANGED)
        note(event, now=now, public_id=public_id, ip=by.ip, detail=str(by))


def note_ends(sessions: Sequence[str], *, why: str, now: datetime) -> None:
    """Add an entry to the transaction for each session, while it has a row; the address is its last one."""
    ended = (
        select(
            literal(now, UtcDateTime),
            literal(SESSION_ENDED),
            User.public_id,
            User.name,
            User.folded_name,
            Session.ip,
            Session.id,
            literal(why),
        )
        .join(User, User.id == Session.user_id)
        .where(Session.id.in_(sessions))
    )
    if sessions:
        db.session.execute(insert(AuditEntry).from_select(_ENDED, ended))


def entries(*, name: str | None, since: datetime) -> Iterator[Entry]:
    """Yield the entries since then, oldest first; with a name, those of its users only, in whatever case."""
    statement = select(*_columns).where(AuditEntry.at >= since).order_by(AuditEntry.at, AuditEntry.id)
    if name is not None:
        statement = statement.where(AuditEntry.folded_name == names.fold(names.normalise(name)))
    page = _read(statement)
    while page:
        yield from page
        last = page[-1]
        is_later = or_(AuditEntry.at > last.at, and_(AuditEntry.at == last.at, AuditEntry.id > last.id))
        page = _read(statement.where(is_later))


def _read(statement: Select[*tuple[Any, ...]]) -> list[Entry]:
    with db.read() as connection:
        return [Entry(*row) for row in connection.execute(statement.limit(PAGE))]

"""What the services answer, as Python writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, TypedDict, TypeVar

Kind = Literal["csv", "ndjson"]
MEDIA_TYPES: Mapping[Kind, str] = {"csv": "text/csv", "ndjson": "application/x-ndjson"}

# The members of a book, and what the service calls them.
MEMBERS = {"name": "name", "author": "Author", "publisher": "Publisher", "prize": "book_prize"}


@dataclass(frozen=True, slots=True)
class Book:
    """A book on the shelf."""

    id: int
    name: str
    author: str
    publisher: str
    prize: int | None
    created_at: datetime
    updated_at: datetime
    etag: str | None = field(default=None, compare=False, repr=False)  # None if it comes from a list


class Changes(TypedDict, total=False):
    """Members of a book that get another value."""

    name: str
    author: str
    publisher: str
    prize: int | None


@dataclass(frozen=True, slots=True)
class User:
    """The user of the session."""

    public_id: str
    name: str
    admin: bool
    created_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """Where the user is logged in."""

    id: str
    current: bool
    user_agent: str
    ip: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ImportResult:
    """How many books of a file were new, and how many were there."""

    created: int
    skipped: int


Model = TypeVar("Model", Book, User, Session, ImportResult)


def from_json(kind: type[Model], payload: Mapping[str, Any]) -> Model:
    """Return what an answer says: the members that this class has."""
    return kind(**{each.name: _value(each.name, payload[each.name]) for each in fields(kind)})


def book_from_json(payload: Mapping[str, Any], etag: str | None = None) -> Book:
    ours = {name: payload[theirs] for name, theirs in MEMBERS.items()}
    return from_json(Book, {**payload, **ours, "etag": etag})


def service_name(member: str) -> str:
    """Return what the service calls a member of a book."""
    return MEMBERS.get(member, member)


def book_members(members: Mapping[str, object]) -> dict[str, Any]:
    """Return members of a book by the names that the service has for them."""
    return {service_name(name): value for name, value in members.items()}


def _value(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if value and name.endswith("_at") else value

"""The database of auth as a test looks at it, and makes time pass in it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    NullPool,
    create_engine,
    func,
    insert,
    select,
    update,
)

from auth_service.models import Event, Session
from tests.auth.logins import Login
from tests.pair import Pair
from tests.people import Person

WEEK = timedelta(days=7)


@contextmanager
def connected(pair: Pair) -> Iterator[Connection]:
    """Connect to the database of the pair's auth, and commit what was done."""
    default = f"sqlite:///{pair.folder}/auth.db"
    engine = create_engine(pair.environment.get("AUTH_DATABASE_URL", default), poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def rows(pair: Pair, statement: Executable) -> list[tuple[Any, ...]]:
    """Return what the statement finds."""
    with connected(pair) as connection:
        return [tuple(row) for row in connection.execute(statement)]


def execute(pair: Pair, statement: Executable, *values: dict[str, Any]) -> None:
    """Run a statement, once for each row of values if there are any."""
    with connected(pair) as connection:
        connection.execute(statement, list(values) or None)


def let_pass(pair: Pair, time: timedelta, session_id: str) -> None:
    """Make everything of a session that long ago."""
    of_it = Session.id == session_id
    columns = (Session.created_at, Session.last_used_at, Session.expires_at, Session.ended_at)
    ((*moments,),) = rows(pair, select(*columns).where(of_it))
    earlier = {column.key: at and at - time for column, at in zip(columns, moments, strict=True)}
    execute(pair, update(Session).where(of_it).values(**earlier))


def times_of(login: Login) -> list[datetime]:
    """Return when a session began, was last used, and ends."""
    columns = (Session.created_at, Session.last_used_at, Session.expires_at)
    (times,) = rows(login.pair, select(*columns).where(Session.id == login.session_id))
    return list(times)


def count(pair: Pair, *conditions: ColumnElement[bool]) -> int:
    """Return how many rows of a table meet the conditions."""
    ((found,),) = rows(pair, select(func.count()).where(*conditions))
    return int(found)


def told_of(pair: Pair, session_id: str) -> int:
    """Return how many events say that the session ended."""
    return count(pair, Event.session_id == session_id)


def told_of_user(person: Person) -> list[tuple[str]]:
    """Return the types of the events that name a user."""
    return rows(person.pair, select(Event.type).where(Event.public_id == person.public_id))


def kept(pair: Pair, *sessions: str) -> int:
    """Return how many of these sessions have a row."""
    return count(pair, Session.id.in_(sessions))


def add_sessions(
    login: Login, number: int, *, idle: timedelta, ended_at: datetime | None = None
) -> list[str]:
    """Give the user of this login more sessions, idle for that long, and return their ids."""
    now = datetime.now(UTC)
    session = {"user_id": user_of(login), "user_agent": "", "ip": "", "ended_at": ended_at}
    session |= {"created_at": now - idle, "last_used_at": now - idle, "expires_at": now - idle + WEEK}
    session |= {"seed": b"", "token_number": 0, "token_digest": b""}
    ids = [str(uuid.uuid4()) for _ in range(number)]
    execute(login.pair, insert(Session), *(session | {"id": each} for each in ids))
    return ids


def user_of(login: Login) -> int:
    statement = select(Session.user_id).where(Session.id == login.session_id)
    ((user_id,),) = rows(login.pair, statement)
    return int(user_id)

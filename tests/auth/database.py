"""The database of auth as a test looks at it, and makes time pass in it."""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Executable, NullPool, create_engine, insert, select, update

from auth_service.models import Event, RefreshToken, Session
from tests.auth.logins import Login
from tests.pair import Pair

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


def told_of(pair: Pair, session_id: str) -> int:
    """Return how many events say that the session ended."""
    return len(rows(pair, select(Event.id).where(Event.session_id == session_id)))


def kept(pair: Pair, session_id: str) -> tuple[int, int]:
    """Return how many rows there are of a session, and of its refresh tokens."""
    sessions = rows(pair, select(Session.id).where(Session.id == session_id))
    tokens = rows(pair, select(RefreshToken.digest).where(RefreshToken.session_id == session_id))
    return len(sessions), len(tokens)


def add_sessions(login: Login, count: int, *, idle: timedelta, tokens: int = 1) -> list[str]:
    """Give the user of this login more sessions, idle for that long, and return their ids."""
    user_id, now = user_of(login), datetime.now(UTC)
    moments = {"created_at": now - idle, "last_used_at": now - idle, "expires_at": now - idle + WEEK}
    ids = [str(uuid.uuid4()) for _ in range(count)]
    made = [{"id": each, "user_id": user_id, "user_agent": "", "ip": "", **moments} for each in ids]
    execute(login.pair, insert(Session), *made)
    issued = [
        {"digest": secrets.token_bytes(), "session_id": each, "issued_at": now}
        for each in ids
        for _ in range(tokens)
    ]
    execute(login.pair, insert(RefreshToken), *issued)
    return ids


def user_of(login: Login) -> int:
    statement = select(Session.user_id).where(Session.id == login.session_id)
    ((user_id,),) = rows(login.pair, statement)
    return int(user_id)

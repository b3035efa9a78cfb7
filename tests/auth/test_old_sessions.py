"""Sessions from before their tokens were computed live on after the migration."""

import secrets
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import column, insert, table

from auth_service.sessions.refreshing import digest_of
from tests.auth.database import execute, user_of
from tests.auth.logins import Login, assert_refused, log_out, login_of, refresh
from tests.pair import Pair, invoke
from tests.people import register

BEFORE = "0004"
# The tables as they were then.
OLD_SESSIONS = table(
    "sessions",
    *map(column, ("id", "user_id", "created_at", "last_used_at", "expires_at", "user_agent", "ip")),
)
OLD_TOKENS = table(
    "refresh_tokens", *map(column, ("digest", "session_id", "successor", "issued_at", "used_at"))
)
SUPERSEDED, REPLACED, PREVIOUS, NEWEST = range(4)


@pytest.fixture
def login(own_pair: Pair) -> Login:
    """Return a session of an auth whose database a test may migrate."""
    return login_of(register(own_pair.start("auth")))


def migrate(pair: Pair, *direction: str) -> None:
    invoke("auth", "db", *direction, environment=pair.environment)


def insert_old_session(pair: Pair, user_id: int) -> list[str]:
    """Insert a session as it was then; return its tokens."""
    session_id, now = str(uuid.uuid4()), datetime.now(UTC)
    times = {"created_at": now, "last_used_at": now, "expires_at": now + timedelta(days=7)}
    session = {"id": session_id, "user_id": user_id, "user_agent": "", "ip": "", **times}
    execute(pair, insert(OLD_SESSIONS), session)
    tokens = [f"{session_id}.{secrets.token_urlsafe(32)}" for _ in range(4)]
    digests = [digest_of(token.partition(".")[2]) for token in tokens]
    successors = [digests[PREVIOUS], None, digests[NEWEST], None]
    for number, (digest, successor) in enumerate(zip(digests, successors, strict=True)):
        token = {"digest": digest, "session_id": session_id, "successor": successor}
        used = {"issued_at": now + timedelta(seconds=number), "used_at": None if number == NEWEST else now}
        execute(pair, insert(OLD_TOKENS), token | used)
    return tokens


def test_an_old_session_lives_on_and_a_theft_still_ends_it(login: Login) -> None:
    pair, user_id = login.pair, user_of(login)
    migrate(pair, "downgrade", BEFORE)
    old = [insert_old_session(pair, user_id) for _ in range(5)]
    migrate(pair, "upgrade")

    for tokens, which in zip(old, (NEWEST, PREVIOUS), strict=False):
        client = Login(pair, "", tokens[which])
        successor = client.successor(tokens[which])
        assert client.successor(tokens[which]) == successor
        client.successor(successor)
        assert client.is_live
        assert_refused(refresh(pair, tokens[which]))
        assert not client.is_live
    for tokens, which in zip(old[2:], (SUPERSEDED, REPLACED), strict=False):
        assert_refused(refresh(pair, tokens[which]))
        assert_refused(refresh(pair, tokens[NEWEST]))
    log_out(pair, old[4][SUPERSEDED])
    assert_refused(refresh(pair, old[4][NEWEST]))
    assert login.successor()

"""POST /refresh and POST /logout: each use gives a successor, a theft or any token at the logout ends all."""

import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import column, delete, func, insert, select, table, text, update

from auth_service.models import Event, Session, User
from auth_service.sessions.refreshing import digest_of
from tests.at_once import at_once
from tests.auth.database import WEEK, connected, execute, let_pass, rows, told_of, user_of
from tests.auth.logins import DAY, TOKENS, Login, assert_refused, granted, log_in, log_out, login_of, refresh
from tests.cases import every, on_postgresql, on_sqlite
from tests.pair import Pair, invoke
from tests.people import Person, complaints, register
from tests.waiting import wait_until

SIX_DAYS = timedelta(days=6)
STRANGE = ["x", ".", "..", "{id}", "{id}.", ".{secret}", "{secret}", "{token}", "x" * 60_000, "é"]
STRANGE += ["{id}.{secret}.", "{id}.{secret}x", " {id}.{secret}", "{id}.{secret} ", "{id}:{secret}"]
STRANGE += ["{ID}.{secret}", "{id}.{SECRET}", "{id}.{other}", "{nobody}.{secret}", "{nobody}.{other}"]


def strange(login: Login, text: str) -> str:
    """Return a token that was never issued, made of one that was."""
    session_id, _, secret = login.refresh_token.partition(".")
    swapped = {"ID": session_id.upper(), "SECRET": secret.swapcase()}
    others = {"other": "A" * 43, "nobody": uuid.uuid4(), "token": login.token}
    return text.format(id=session_id, secret=secret, **swapped, **others)


def assert_logged_out(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()) == (200, {"message": "logged out"})


def test_a_refresh_answers_with_new_tokens_of_the_session(pair: Pair, login: Login) -> None:
    unread = {"Authorization": "Bearer nonsense", "x-access-tokens": "more of it"}

    answer = refresh(pair, login.refresh_token, **unread)

    fresh = granted(pair, answer)
    assert answer.json().keys() == TOKENS
    assert fresh.session_id == login.session_id
    assert fresh.refresh_token != login.refresh_token
    assert fresh.token != login.token
    assert fresh.is_live


@pytest.mark.parametrize("steps", [2, 3, 10])
def test_an_old_token_ends_its_session_alone(pair: Pair, person: Person, login: Login, steps: int) -> None:
    other, first = log_in(person), login.refresh_token
    for _ in range(steps):
        login.successor()

    assert_refused(refresh(pair, first))

    assert_refused(refresh(pair, login.refresh_token))
    assert not login.is_live
    assert told_of(pair, login.session_id) == 1
    assert other.successor()
    assert other.is_live


@every("text", STRANGE)
def test_a_token_never_issued_is_refused_and_ends_nothing(pair: Pair, login: Login, text: str) -> None:
    token = strange(login, text)

    assert_refused(refresh(pair, token))
    assert_logged_out(log_out(pair, token))

    assert login.is_live


@on_sqlite
@every("token", ["", "\u3000", "a\x00b", "a\nb", None, {}])
def test_what_can_be_no_token_is_told_so(pair: Pair, token: object) -> None:
    assert complaints(refresh(pair, token)) == ["/refresh_token"]


def refresh_later(login: Login, time: timedelta) -> int:
    """Refresh after that time; return the seconds until the session ends."""
    let_pass(login.pair, time, login.session_id)
    answer = refresh(login.pair, login.refresh_token)
    assert answer.status_code == 200, answer.text
    login.refresh_token = answer.json()["refresh_token"]
    return int(answer.json()["refresh_expires_in"])


def test_the_idle_end_moves_with_each_refresh_and_the_absolute_does_not(pair: Pair, person: Person) -> None:
    idle, login = log_in(person), login_of(person)
    left = [refresh_later(login, SIX_DAYS) for _ in range(4)]
    left.append(refresh_later(login, timedelta(days=5)))

    days = [7, 7, 7, 6, 1]
    assert all(0 <= day * DAY - seconds < 60 for day, seconds in zip(days, left, strict=True))
    let_pass(pair, timedelta(days=1), login.session_id)
    let_pass(pair, WEEK, idle.session_id)
    for over in (login, idle):
        assert_refused(refresh(pair, over.refresh_token))
        assert not over.is_live


def test_an_ended_session_and_one_of_a_disabled_user_are_over(pair: Pair, login: Login) -> None:
    of_it = Session.id == login.session_id
    execute(pair, update(Session).where(of_it).values(ended_at=datetime.now(UTC)))
    assert not login.is_live
    execute(pair, update(Session).where(of_it).values(ended_at=None))

    execute(pair, update(User).where(User.id == user_of(login)).values(disabled=True))

    assert_refused(refresh(pair, login.refresh_token))


def test_a_logout_with_any_token_ends_the_session_and_its_tokens(pair: Pair, person: Person) -> None:
    for which in range(4):
        login = log_in(person)
        tokens = [login.refresh_token, *(login.successor() for _ in range(3))]

        assert_logged_out(log_out(pair, tokens[which]))

        assert not login.is_live
        assert_refused(refresh(pair, login.refresh_token))
    assert login_of(person).is_live


def test_the_end_is_told_once_and_until_the_last_token_is_dead(pair: Pair, login: Login) -> None:
    """A session that expired has a last token too."""
    let_pass(pair, WEEK, login.session_id)
    for _ in range(2):
        assert_logged_out(log_out(pair, login.refresh_token))

    columns = select(Event.type, Event.at, Event.until)
    ((kind, at, until),) = rows(pair, columns.where(Event.session_id == login.session_id))
    assert kind == "session.ended"
    assert until >= at + timedelta(seconds=2700)


@on_postgresql  # SQLite has one writer
def test_a_refresh_that_waits_for_a_session_that_is_purged_is_refused(pair: Pair, login: Login) -> None:
    of_it = Session.id == login.session_id
    blocked = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    with ThreadPoolExecutor(1) as threads:
        with connected(pair) as purge:
            purge.execute(select(Session.id).where(of_it).with_for_update())
            answer = threads.submit(refresh, pair, login.refresh_token)
            wait_until(lambda: rows(pair, blocked) != [(0,)], "the refresh waits")
            purge.execute(delete(Session).where(of_it))

        assert_refused(answer.result())


@pytest.mark.parametrize("is_theft", [True, False], ids=["a superseded token", "a logout"])
def test_what_ends_a_session_among_refreshes_is_final(pair: Pair, login: Login, is_theft: bool) -> None:
    first = login.refresh_token
    login.successor(login.successor())

    def ask(_: requests.Session, number: int) -> requests.Response:
        if number == 5:
            return refresh(pair, first) if is_theft else log_out(pair, login.refresh_token)
        return refresh(pair, login.refresh_token)

    answers = at_once(10, pair.url("auth"), ask)

    assert answers.pop(5).status_code == (401 if is_theft else 200)
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert not login.is_live
    for answer in answers:
        if answer.status_code == 200:
            assert_refused(refresh(pair, answer.json()["refresh_token"]))


# Sessions from before their tokens were computed, when the tables were these.
OLD_SESSIONS = table(
    "sessions",
    *map(column, ("id", "user_id", "created_at", "last_used_at", "expires_at", "user_agent", "ip")),
)
OLD_TOKENS = table(
    "refresh_tokens", *map(column, ("digest", "session_id", "successor", "issued_at", "used_at"))
)
SUPERSEDED, PREVIOUS, NEWEST = range(3)


def insert_old_session(pair: Pair, user_id: int) -> list[str]:
    """Insert a session as it was then; return its tokens."""
    session_id, now = str(uuid.uuid4()), datetime.now(UTC)
    times = {"created_at": now, "last_used_at": now, "expires_at": now + WEEK}
    session = {"id": session_id, "user_id": user_id, "user_agent": "", "ip": "", **times}
    execute(pair, insert(OLD_SESSIONS), session)
    tokens = [f"{session_id}.{secrets.token_urlsafe(32)}" for _ in range(3)]
    digests = [digest_of(token.partition(".")[2]) for token in tokens]
    successors = [digests[PREVIOUS], digests[NEWEST], None]
    for number, (digest, successor) in enumerate(zip(digests, successors, strict=True)):
        token = {"digest": digest, "session_id": session_id, "successor": successor}
        used = {"issued_at": now + timedelta(seconds=number), "used_at": None if number == NEWEST else now}
        execute(pair, insert(OLD_TOKENS), token | used)
    return tokens


def test_an_old_session_lives_on_after_the_migration_and_a_theft_still_ends_it(own_pair: Pair) -> None:
    login = login_of(register(own_pair.start("auth")))
    user_id = user_of(login)
    invoke("auth", "db", "downgrade", "0004", environment=own_pair.environment)
    of_newest, of_previous, stolen = [insert_old_session(own_pair, user_id) for _ in range(3)]
    invoke("auth", "db", "upgrade", environment=own_pair.environment)

    for first in (of_newest[NEWEST], of_previous[PREVIOUS]):
        client = Login(own_pair, "", first)
        successor = client.successor(first)
        assert client.successor(first) == successor
        client.successor(successor)
        assert client.is_live
        assert_refused(refresh(own_pair, first))
        assert not client.is_live
    for token in (stolen[SUPERSEDED], stolen[NEWEST]):
        assert_refused(refresh(own_pair, token))
    assert login.successor()

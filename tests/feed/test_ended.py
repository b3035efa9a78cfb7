"""What a worker of books knows of ended sessions goes on growing, whatever fails, and its age is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine

from books_service.models import db as books_db
from common.feed.revocations import RevocationCache
from common.tokens.access import verify
from common.tokens.keys import read_keys
from tests import api
from tests.cases import every, own_on_postgresql, own_on_sqlite
from tests.common.log_lines import Log
from tests.feed import followers
from tests.feed.ends import leave, log_out, refused_everywhere
from tests.feed.followers import follow_once
from tests.feed.tellers import Shelves
from tests.pair import Pair
from tests.people import register
from tests.postgres_server import PostgresServer
from tests.waiting import wait_until

pair = followers.pair

FAILED, BACK = "ended_not_read", "ended_read_again"


@contextmanager
def read_again(pair: Pair, log: Log) -> Iterator[Callable[[], None]]:
    """Fail unless books hears of what ends after the block, in which it has to notice some damage."""
    before, after, deleted = register(pair), register(pair), register(pair)
    log_out(before)
    follow_once(pair)
    wait_until(lambda: refused_everywhere(before), "books hears of the first")

    def notice() -> None:
        wait_until(lambda: FAILED in log.text, "the worker notices")
        assert refused_everywhere(before)
        assert api.get(pair.url("books") + "/healthz").status_code == 200

    yield notice
    wait_until(lambda: BACK in log.text, "the worker reads again")
    log_out(after)
    leave(deleted)
    follow_once(pair)
    wait_until(lambda: refused_everywhere(after) and refused_everywhere(deleted), "books hears of the others")
    assert log.text.count(FAILED) == 1


@own_on_sqlite
@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        ("UPDATE feed SET heard_at = 'yesterday'", "UPDATE feed SET heard_at = NULL"),
        ("ALTER TABLE deleted_users RENAME TO away", "ALTER TABLE away RENAME TO deleted_users"),
    ],
)
def test_what_could_not_be_read_is_read_again(
    pair: Pair, shelves: Shelves, log: Log, damage: str, repair: str
) -> None:
    with read_again(pair, log) as notice:
        shelves.execute(damage)
        shelves.execute("UPDATE feed SET position = position + 1")  # of what is not new no worker asks
        notice()
        shelves.execute(repair)


@own_on_postgresql
def test_a_database_that_was_away_is_read_again(pair: Pair, log: Log, postgres: PostgresServer) -> None:
    name = pair.databases["books"].rpartition("/")[2]
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with read_again(pair, log) as notice, psycopg.connect(postgres.url(), autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute(end_all, [name])
        notice()
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@own_on_sqlite
def test_what_a_fast_clock_forgot_is_known_again_once_it_is_set(pair: Pair, shelves: Shelves) -> None:
    now, person, another = datetime.now(UTC), register(pair), register(pair)
    claims = verify(person.token, read_keys(pair.folder / "keys.json"), now=now.timestamp())
    revocations = RevocationCache(shelves.app, books_db, shelves.app.extensions["settings"])

    def refusal(at: datetime) -> str | None:
        with shelves.app.app_context(), time_machine.travel(at, tick=False):
            revocations.refresh()
            return revocations.refusal(claims)

    log_out(person)
    follow_once(pair)
    seen = [refusal(now)]
    log_out(another)
    follow_once(pair)  # what has expired is dropped when something new is read
    seen += [refusal(now + timedelta(hours=3)), refusal(now)]

    assert seen == ["session", None, "session"]


@own_on_sqlite
@every(
    "max_age, seconds, status, state",
    [("0", 1, 200, "ok"), ("0", 100, 200, "degraded"), ("60", 100, 503, "failing")],
)
def test_readiness_tells_how_long_nothing_was_heard(
    own_pair: Pair, shelves: Shelves, max_age: str, seconds: int, status: int, state: str
) -> None:
    heard_at = datetime.now(UTC) - timedelta(seconds=seconds)
    shelves.execute("UPDATE feed SET heard_at = :at", at=heard_at.strftime("%Y-%m-%d %H:%M:%S"))
    own_pair.environment["FEED_MAX_AGE"] = max_age
    own_pair.start("books")

    answer = api.get(own_pair.url("books") + "/readyz")

    checks = answer.json()["checks"]
    assert (answer.status_code, checks["feed"]) == (status, state)
    assert seconds <= float(checks["feed_age"]) < seconds + 60

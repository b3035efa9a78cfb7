"""What a worker of books knows of ended sessions goes on growing, whatever fails meanwhile."""

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


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        ("UPDATE feed SET heard_at = 'yesterday'", "UPDATE feed SET heard_at = NULL"),
        ("ALTER TABLE feed RENAME TO away", "ALTER TABLE away RENAME TO feed"),
        ("ALTER TABLE ended_sessions RENAME TO away", "ALTER TABLE away RENAME TO ended_sessions"),
        ("ALTER TABLE deleted_users RENAME TO away", "ALTER TABLE away RENAME TO deleted_users"),
    ],
)
def test_what_could_not_be_read_is_read_again(
    pair: Pair, shelves: Shelves, log: Log, damage: str, repair: str
) -> None:
    with read_again(pair, log) as notice:
        shelves.execute(damage)
        if "feed" not in damage:  # of what is not new no worker asks
            shelves.execute("UPDATE feed SET position = position + 1")
        notice()
        shelves.execute(repair)


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_a_database_that_was_away_is_read_again(pair: Pair, log: Log, postgres: PostgresServer) -> None:
    name = pair.databases["books"].rpartition("/")[2]
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with read_again(pair, log) as notice, psycopg.connect(postgres.url(), autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute(end_all, [name])
        notice()
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


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

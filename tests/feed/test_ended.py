"""What a worker of books knows of ended sessions goes on growing, whatever fails meanwhile."""

import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine

from books_service.feed import events as feed
from books_service.feed.events import FeedEvent
from books_service.feed.revocations import RevocationCache
from common.tokens.access import Claims
from tests import api
from tests.feed.ends import ask, leave, log_out, refused_everywhere
from tests.feed.tellers import Shelves
from tests.pair import SERVICES
from tests.people import register
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

ALTER = "ALTER TABLE {} RENAME TO {}"
FAILED, BACK = "ended_not_read", "ended_read_again"


@pytest.mark.parametrize(
    ("own_pair", "table"),
    [("sqlite", "ended_sessions"), ("sqlite", "deleted_users"), ("postgresql", "feed")],
    indirect=["own_pair"],
)
def test_a_table_that_was_away_is_read_again(
    own_served_pair: ServedPair, own_shelves: Shelves, table: str
) -> None:
    own_served_pair.environment["WEB_CONCURRENCY"] = "1"
    own_served_pair.start()
    before, after, deleted = register(own_served_pair), register(own_served_pair), register(own_served_pair)
    own_served_pair.start(FOLLOWER)
    log_out(before)
    wait_until(lambda: refused_everywhere(before), "books hears of the first")
    own_served_pair.stop(FOLLOWER)

    own_shelves.execute(ALTER.format(table, "elsewhere"))
    # So that there is something to read: of what is not new no worker asks.
    if table != "feed":
        own_shelves.execute("UPDATE feed SET position = position + 1")
    wait_until(lambda: FAILED in own_served_pair.log("books").read_text(), "the worker notices")
    assert refused_everywhere(before)
    assert api.get(own_served_pair.url("books") + "/healthz", timeout=30).status_code == 200
    own_shelves.execute(ALTER.format("elsewhere", table))
    wait_until(lambda: BACK in own_served_pair.log("books").read_text(), "the worker reads again")

    own_served_pair.start(FOLLOWER)
    log_out(after)
    leave(deleted)
    wait_until(lambda: refused_everywhere(after) and refused_everywhere(deleted), "books hears of the others")
    assert own_served_pair.log("books").read_text().count(FAILED) == 1


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_a_row_that_nobody_foresaw_ends_nothing(own_served_pair: ServedPair, own_shelves: Shelves) -> None:
    own_served_pair.environment["WEB_CONCURRENCY"] = "1"
    own_served_pair.start()
    person = register(own_served_pair)
    with closing(sqlite3.connect(own_served_pair.folder / "books.db")) as database, database:
        database.execute("UPDATE feed SET heard_at = 'yesterday'")
    wait_until(lambda: FAILED in own_served_pair.log("books").read_text(), "the worker notices")

    own_shelves.execute("UPDATE feed SET heard_at = NULL")
    own_served_pair.start(FOLLOWER)
    log_out(person)

    wait_until(lambda: refused_everywhere(person), "books hears of it")


def test_a_database_that_was_away_is_read_again(
    own_served_pair: ServedPair, request: pytest.FixtureRequest
) -> None:
    own_served_pair.environment["WEB_CONCURRENCY"] = "1"
    own_served_pair.start()
    before, after = register(own_served_pair), register(own_served_pair)
    own_served_pair.start(FOLLOWER)
    log_out(before)
    wait_until(lambda: refused_everywhere(before), "books hears of the first")

    with away(own_served_pair, request):
        wait_until(lambda: FAILED in own_served_pair.log("books").read_text(), "the worker notices")
        assert refused_everywhere(before)
        log_out(after)

    wait_until(lambda: ask(after).status_code == 401, "books hears of the other")  # 503 until it is back


@contextmanager
def away(pair: ServedPair, request: pytest.FixtureRequest) -> Iterator[None]:
    """Take the books database away for the block: nobody may connect, or the file is no database."""
    url = pair.environment.get("BOOKS_DATABASE_URL")
    if url:
        name = url.rpartition("/")[2]
        with psycopg.connect(request.getfixturevalue("postgres").url(), autocommit=True) as server:
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    else:
        file = pair.folder / "books.db"
        good = file.read_bytes()
        file.write_bytes(b"no database" * 1000)
        yield
        file.write_bytes(good)


def test_what_a_fast_clock_forgot_is_known_again_once_it_is_set(own_shelves: Shelves) -> None:
    now = datetime.now(UTC)
    revocations = RevocationCache(own_shelves.app, own_shelves.app.extensions["settings"])
    claims = claims_of(str(uuid.uuid4()))

    def end(number: int, session_id: str) -> None:
        event = FeedEvent(number, "session.ended", now, sid=session_id, until=now + timedelta(minutes=45))
        with own_shelves.connect() as connection:
            feed.apply(connection, [event], cursor=number - 1, now=now)

    def refusal(at: datetime) -> str | None:
        with own_shelves.app.app_context(), time_machine.travel(at, tick=False):
            revocations.refresh()
            return revocations.refusal(claims)

    end(1, claims.session_id)
    seen = [refusal(now)]
    end(2, "another")  # what has expired is dropped when something new is read
    seen += [refusal(now + timedelta(hours=3)), refusal(now)]

    assert seen == ["session", None, "session"]


def claims_of(session_id: str) -> Claims:
    """Return what books knows of a token of the session."""
    now = time.time()
    return Claims(
        issuer="bookstore-auth",
        audience="bookstore",
        subject="x",
        public_id="x",
        session_id=session_id,
        token_id="y",
        issued_at=now,
        expires_at=now + 2700,
    )


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_without_auth_books_reads_and_writes(own_served_pair: ServedPair) -> None:
    own_served_pair.start(*SERVICES, FOLLOWER)
    person = register(own_served_pair)
    own_served_pair.stop("auth")
    wait_until(lambda: "feed_away" in own_served_pair.log(FOLLOWER).read_text(), "the follower finds nobody")

    made = person.add_book()

    assert [book["id"] for book in person.get("/books").json()["list_of_books"]] == [made["id"]]
    assert api.get(own_served_pair.url("books") + "/readyz", timeout=30).status_code == 200

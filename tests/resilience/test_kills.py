"""kill -9 under writes: what was answered with 201 is there afterwards."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.books.reading import ids
from tests.pair import KINDS, SERVERS
from tests.pgbouncer import PgBouncer, pgbouncer
from tests.postgres import or_skip
from tests.postgres_server import PostgresServer
from tests.resilience.alone import make_pair, somebody, wait_for_workers, workers
from tests.resilience.repeaters import Repeaters
from tests.resilience.writers import Writers
from tests.served import ServedPair

KILLS = int(os.environ.get("BOOKSTORE_TEST_KILLS", "2"))  # one a second


@pytest.fixture
def pair(request: pytest.FixtureRequest, databases: dict[str, str], tmp_path: Path) -> Iterator[ServedPair]:
    """Return books, running on a server."""
    with make_pair(tmp_path, "books", databases=databases, SERVER=request.param) as pair:
        yield pair.start("books")


def kill_workers(pair: ServedPair) -> None:
    """Kill the oldest worker now and then; Granian gives up on one that dies twice in 6 s."""
    for _ in range(KILLS):
        time.sleep(1)
        victim = min(workers(pair), key=psutil.Process.create_time)
        victim.kill()
        wait_for_workers(pair, other_than=[victim])


@pytest.mark.parametrize(("pair", "databases"), [*zip(SERVERS, KINDS, strict=True)], indirect=True)
def test_a_killed_worker_takes_no_promised_book_with_it(pair: ServedPair) -> None:
    with Writers(somebody(pair)) as writers:
        kill_workers(pair)

    assert set(writers.statuses) == {200, 201}
    assert writers.refused == 0
    assert writers.lost() == set()


@pytest.mark.parametrize(("pair", "databases"), [*zip(SERVERS, KINDS[::-1], strict=True)], indirect=True)
def test_a_key_makes_one_book_whatever_is_killed(pair: ServedPair) -> None:
    with Repeaters(somebody(pair)) as repeaters:
        kill_workers(pair)

    assert_one_book_a_key(repeaters)


@pytest.mark.parametrize("victim", ["PgBouncer", "PostgreSQL"])
def test_a_key_makes_one_book_whatever_is_killed_behind_the_service(
    own_postgres: PostgresServer, tmp_path: Path, victim: str
) -> None:
    own_postgres.create_database("books")
    with or_skip(), pgbouncer(own_postgres) as pooler:
        victims: dict[str, PgBouncer | PostgresServer] = {"PgBouncer": pooler, "PostgreSQL": own_postgres}
        with make_pair(tmp_path, "books", databases={"books": pooler.url("books")}) as pair:
            pair.start("books")
            with Repeaters(somebody(pair)) as repeaters:
                for _ in range(KILLS):
                    repeaters.wait_for_more()
                    victims[victim].kill()
                    victims[victim].start()
                repeaters.wait_for_more()

            assert_one_book_a_key(repeaters)


def assert_one_book_a_key(repeaters: Repeaters) -> None:
    """Fail unless the shelf has one book for each answer, which a repeated request gets again."""
    answers = repeaters.answers
    assert {answer.status_code for _, _, answer in answers} == {201}
    assert ids(repeaters.person, limit=200) == sorted(answer.json()["book"]["id"] for _, _, answer in answers)
    for key, sent, answer in answers[:: len(answers) // 20]:
        again = repeaters.send(key, sent)
        assert (again.content, again.headers["Idempotency-Replayed"]) == (answer.content, "true")


def test_a_killed_postgresql_keeps_every_promised_book(own_postgres: PostgresServer, tmp_path: Path) -> None:
    databases = {"books": own_postgres.create_database("books")}
    with make_pair(tmp_path, "books", databases=databases) as pair:
        pair.start("books")
        with Writers(somebody(pair)) as writers:
            for _ in range(2):
                time.sleep(1)
                own_postgres.kill()
                own_postgres.start()
            time.sleep(1)

        assert set(writers.statuses) == {200, 201, 503}
        assert writers.broken == []
        assert writers.lost() == set()

"""kill -9 and a reload under writes: what was answered with 201 is there, and the metrics are right."""

import signal
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import api
from tests.books.reading import ids
from tests.pair import KINDS, SERVERS, Pair
from tests.people import Person, book
from tests.pgbouncer import PgBouncer, pgbouncer
from tests.postgres_server import PostgresServer
from tests.resilience.alone import make_pair, somebody, wait_for_workers, workers
from tests.resilience.writers import Writers
from tests.served import ServedPair
from tests.threads import Threads
from tests.waiting import wait_until

REPEATERS = 4
EACH = 200  # requests of a writer: a thousand keys are kept of one user
PAUSE = 0.05  # seconds between two of them, and before one is repeated
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)  # before, and within an answer


class Repeaters(Threads):
    """Add books, each with a key of its own, again and again until it is answered, for a `with` block."""

    def __init__(self, person: Person) -> None:
        super().__init__(self._write, REPEATERS)
        self.person = person
        self.answers: list[tuple[str, dict[str, Any], requests.Response]] = []

    def send(self, key: str, sent: dict[str, Any]) -> requests.Response:
        """Add a book, over a connection of its own; return the first answer that is none to repeat."""
        headers = self.person.with_token(Idempotency_Key=key, Connection="close")
        while True:
            with suppress(*BROKEN):
                answer = api.post(self.person.pair.url("books") + "/book", json=sent, headers=headers)
                if answer.status_code not in (409, 503):  # which tell to come again
                    return answer
            time.sleep(PAUSE)

    def wait_for_more(self) -> None:
        """Wait until some more requests are answered."""
        enough = len(self.answers) + 10
        wait_until(lambda: len(self.answers) >= enough, "nothing more is answered")

    def _write(self) -> None:
        for _ in range(EACH):
            if self._stopping.wait(PAUSE):
                return
            key, sent = str(uuid.uuid4()), book()
            self.answers.append((key, sent, self.send(key, sent)))


@pytest.mark.parametrize(("server", "databases"), [*zip(SERVERS, KINDS, strict=True)], indirect=["databases"])
def test_a_killed_worker_takes_no_promised_book_with_it_and_a_key_makes_one_book(
    server: str, databases: dict[str, str], tmp_path: Path
) -> None:
    with make_pair(tmp_path, "books", databases=databases, SERVER=server) as pair:
        pair.start("books")
        wait_for_workers(pair, other_than=[])  # Granian answers with the first
        with Writers(somebody(pair), count=2) as writers, Repeaters(somebody(pair)) as repeaters:
            repeaters.wait_for_more()
            victim = workers(pair)[0]
            victim.kill()
            wait_for_workers(pair, other_than=[victim])

        assert set(writers.statuses) == {200, 201}
        assert writers.refused == 0
        assert writers.lost() == set()
        assert_one_book_a_key(repeaters)


def test_what_is_killed_behind_the_service_takes_no_promised_book_with_it_and_a_key_makes_one_book(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    own_postgres.create_database("books")
    with pgbouncer(own_postgres) as pooler:
        victims: tuple[PgBouncer | PostgresServer, ...] = (pooler, own_postgres)
        with make_pair(tmp_path, "books", databases={"books": pooler.url("books")}) as pair:
            pair.start("books")
            with Writers(somebody(pair), count=2) as writers, Repeaters(somebody(pair)) as repeaters:
                for victim in victims:
                    repeaters.wait_for_more()
                    victim.kill()
                    victim.start()
                repeaters.wait_for_more()

            assert set(writers.statuses) == {200, 201, 503}
            assert writers.broken == []
            assert writers.lost() == set()
            assert_one_book_a_key(repeaters)


def assert_one_book_a_key(repeaters: Repeaters) -> None:
    """Fail unless the shelf has one book for each answer, which a repeated request gets again."""
    answers = repeaters.answers
    assert {answer.status_code for _, _, answer in answers} == {201}
    assert ids(repeaters.person, limit=200) == sorted(answer.json()["book"]["id"] for _, _, answer in answers)
    for key, sent, answer in answers[:: len(answers) // 20 + 1]:
        again = repeaters.send(key, sent)
        assert (again.content, again.headers["Idempotency-Replayed"]) == (answer.content, "true")


def test_new_workers_and_a_stop_lose_no_reply(tmp_path: Path) -> None:
    """HUP and TERM under keep-alive load: whoever was let in gets every answer."""
    with make_pair(tmp_path, "books") as pair:
        server = pair.start("books").processes["books"]
        with Writers(somebody(pair), count=8) as writers:
            old = workers(pair)
            server.send_signal(signal.SIGHUP)
            wait_for_workers(pair, other_than=old)
            assert writers.refused == 0
            pair.stop("books")

    assert server.returncode == 0
    assert writers.broken == []
    assert set(writers.statuses) == {200, 201}
    with Pair(tmp_path) as writers.person.pair:
        writers.person.pair.start("books")
        assert writers.lost() == set()


def metric(pair: ServedPair, beginning: str) -> float:
    """Return the value of the one number of books whose line begins so."""
    page = api.get(f"http://127.0.0.1:{pair.metrics_ports['books']}/metrics")
    (line,) = [line for line in page.text.splitlines() if line.startswith(beginning)]
    return float(line.split()[-1])


@pytest.mark.parametrize("server", SERVERS)
def test_a_worker_that_begins_breaks_no_sum_and_a_dead_one_stays_in_them_and_leaves_the_gauges(
    tmp_path: Path, server: str
) -> None:
    with make_pair(tmp_path, "books", SERVER=server, WEB_CONCURRENCY="1") as pair:
        person = somebody(pair.start("books"))
        in_use = partial(metric, pair, "database_pool_connections{")
        made = partial(metric, pair, 'http_requests_total{method="POST",route="/books",status="201"}')
        person.add_book()
        (shared,) = pair.folder.glob("bookstore-metrics-*")
        (shared / "counter_1.db").touch()  # as prometheus_client leaves it between two system calls
        assert made() == 1

        file = pair.folder / "books.db"
        with closing(sqlite3.connect(file, isolation_level=None)) as other, ThreadPoolExecutor() as threads:
            other.execute("BEGIN IMMEDIATE")
            write = threads.submit(person.post, "/books", book())
            wait_until(lambda: in_use() == 1, "the worker waits")
            (victim,) = workers(pair)
            victim.kill()
            assert isinstance(write.exception(), requests.ConnectionError)
        wait_for_workers(pair, other_than=[victim])

        wait_until(lambda: in_use() == 0, "the dead worker's connection is still counted")
        person.add_book()
        assert made() == 2

"""SQLite's file in use or damaged: what cannot be served is 503, and only as long as it lasts."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
import requests

from tests.people import Person, assert_problem, book
from tests.resilience.alone import make_pair, somebody
from tests.resilience.crowd import TIME_TO_REFUSE, Call, all_at_once

WRITERS = 15  # more than there are connections, and fewer than threads


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Person]:
    """Return the owner of a shelf on SQLite."""
    with make_pair(tmp_path, "books", WEB_CONCURRENCY="1") as pair:
        yield somebody(pair.start("books"))


def test_a_write_behind_another_program_is_refused_and_reads_go_on(shelf: Person) -> None:
    shelf.add_book()
    with closing(sqlite3.connect(shelf.pair.folder / "books.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write, *reads = all_at_once(
            [Call(503, partial(shelf.post, "/books", book()))] + [Call(200, partial(shelf.get, "/books"))] * 9
        )

    assert_problem(write, 503)
    assert write.elapsed.total_seconds() < TIME_TO_REFUSE
    assert [read.status_code for read in reads] == [200] * 9
    shelf.add_book()


def test_a_crowd_that_goes_on_writing_is_refused_in_time(shelf: Person) -> None:
    def write(number: int) -> list[requests.Response]:
        time.sleep(number / WRITERS)  # a second for all of them: each wait is met at all its stages
        return [shelf.post("/books", book()) for _ in range(2)]

    with (
        closing(sqlite3.connect(shelf.pair.folder / "books.db", isolation_level=None)) as other,
        ThreadPoolExecutor(WRITERS) as threads,
    ):
        other.execute("BEGIN IMMEDIATE")
        answers = list(chain.from_iterable(threads.map(write, range(WRITERS))))

    assert {answer.status_code for answer in answers} == {503}
    assert max(answer.elapsed.total_seconds() for answer in answers) < TIME_TO_REFUSE


def test_a_file_that_is_no_database_is_refused_until_it_is_one(shelf: Person) -> None:
    file = shelf.pair.folder / "books.db"
    good = file.read_bytes()
    file.write_bytes(b"no database" * 1000)

    assert_problem(shelf.get("/books"), 503)
    assert_problem(shelf.post("/books", book()), 503)
    assert shelf.get("/readyz").status_code == 503
    assert shelf.get("/healthz").status_code == 200
    file.write_bytes(good)
    shelf.add_book()

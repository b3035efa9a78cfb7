"""SQLite's file in use or damaged: what cannot be served is 503, and only as long as it lasts."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain

import pytest
import requests

from tests.books.conftest import somebody
from tests.cases import own_on_sqlite
from tests.pair import Pair
from tests.people import Person, assert_problem, book
from tests.resilience.crowd import TIME_TO_REFUSE

pytestmark = own_on_sqlite
WRITERS = 15  # more than there are connections


@pytest.fixture
def shelf(own_pair: Pair) -> Person:
    """Return the owner of a shelf."""
    return somebody(own_pair.start("books"))


def test_a_crowd_that_writes_behind_another_program_is_refused_in_time_and_reads_go_on(shelf: Person) -> None:
    shelf.add_book()

    def write(number: int) -> list[requests.Response]:
        time.sleep(number / WRITERS)  # a second for all of them: each wait is met at all its stages
        return [shelf.post("/books", book()) for _ in range(2)]

    with (
        closing(sqlite3.connect(shelf.pair.folder / "books.db", isolation_level=None)) as other,
        ThreadPoolExecutor(WRITERS) as threads,
    ):
        other.execute("BEGIN IMMEDIATE")
        written = threads.map(write, range(WRITERS))
        reads = [shelf.get("/books").status_code for _ in range(20)]
        writes = list(chain.from_iterable(written))

    assert set(reads) == {200}
    for answer in writes:
        assert_problem(answer, 503)
        assert answer.elapsed.total_seconds() < TIME_TO_REFUSE
    shelf.add_book()


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

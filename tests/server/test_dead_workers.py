"""What the metrics say beside workers that are killed, or begin."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.pair import SERVERS
from tests.people import book
from tests.resilience.alone import make_pair, somebody, wait_for_workers, workers
from tests.resilience.crowd import metric
from tests.waiting import wait_until


@pytest.mark.parametrize("server", SERVERS)
def test_a_worker_that_begins_breaks_no_sum_and_a_dead_one_stays_in_them_and_leaves_the_gauges(
    tmp_path: Path, server: str
) -> None:
    with make_pair(tmp_path, "books", SERVER=server, WEB_CONCURRENCY="1") as pair:
        person = somebody(pair.start("books"))
        in_use = partial(metric, pair, "books", "database_pool_connections{")
        made = partial(
            metric, pair, "books", 'http_requests_total{method="POST",route="/books",status="201"}'
        )
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

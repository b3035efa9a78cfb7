"""Connections that are kept out of the pool for the next statement: which, and for how long."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import QueuePool

from common.db.connections import CONNECTIONS, KEPT, IdleConnections
from common.ops import metrics


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    arguments = {"check_same_thread": False, "isolation_level": None}
    engine = create_engine(url, pool_size=CONNECTIONS, max_overflow=0, connect_args=arguments)
    yield engine
    engine.dispose()


@pytest.fixture
def idle(engine: Engine) -> IdleConnections:
    return IdleConnections(engine, metrics.pool_in_use("test"))


def checked_out(engine: Engine) -> int:
    return cast(QueuePool, engine.pool).checkedout()


def test_the_last_one_that_was_used_is_the_next(idle: IdleConnections) -> None:
    first, second = idle.acquire(), idle.acquire()
    idle.release(second)
    idle.release(first)

    assert idle.acquire() is first
    assert idle.acquire() is second


def test_more_than_are_kept_go_back_to_the_pool(engine: Engine, idle: IdleConnections) -> None:
    for connection in [idle.acquire() for _ in range(KEPT + 2)]:
        idle.release(connection)

    assert checked_out(engine) == KEPT


def test_a_broken_one_is_not_kept(engine: Engine, idle: IdleConnections) -> None:
    connection = idle.acquire()
    connection.invalidate()
    idle.release(connection)

    assert checked_out(engine) == 0


def test_a_transaction_that_failed_is_rolled_back_by_the_pool(engine: Engine, idle: IdleConnections) -> None:
    connection = idle.acquire()
    connection.exec_driver_sql("CREATE TABLE books (name)")
    connection.exec_driver_sql("BEGIN")
    connection.exec_driver_sql("INSERT INTO books VALUES ('Eric')")
    idle.release(connection, is_good=False)

    assert checked_out(engine) == 0
    assert idle.acquire().exec_driver_sql("SELECT count(*) FROM books").scalar_one() == 0


def test_they_are_closed_with_the_engine(engine: Engine, idle: IdleConnections) -> None:
    connection = idle.acquire()
    idle.release(connection)
    engine.dispose()

    assert connection.closed
    assert idle.acquire() is not connection


def test_after_a_fork_they_are_left_to_the_parent(idle: IdleConnections) -> None:
    connection = idle.acquire()
    idle.release(connection)

    child = os.fork()
    if not child:
        os._exit(0 if idle.acquire() is not connection else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert idle.acquire() is connection


def test_what_is_waited_for_goes_to_the_pool(idle: IdleConnections) -> None:
    taken = [idle.acquire() for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(idle.acquire)
        wait([waiting], timeout=0.1)
        assert not waiting.done()

        idle.release(taken.pop())

        taken.append(waiting.result())
    for connection in taken:
        idle.release(connection)


def test_what_is_cleared_is_not_used_again(idle: IdleConnections) -> None:
    connection = idle.acquire()
    idle.release(connection)
    idle.clear()

    assert connection.closed
    assert idle.acquire() is not connection

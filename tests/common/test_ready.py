"""Connections that are ready for the next statement: what is kept of them, and for how long."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import QueuePool

from common.ready import CONNECTIONS, KEPT, Ready


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    arguments = {"check_same_thread": False}
    engine = create_engine(url, pool_size=CONNECTIONS, max_overflow=0, connect_args=arguments)
    yield engine
    engine.dispose()


@pytest.fixture
def stale() -> set[Any]:
    """Return the drivers' connections that are no good any more."""
    return set()


@pytest.fixture
def ready(engine: Engine, stale: set[Any]) -> Ready:
    return Ready(engine, stale.__contains__)


def checked_out(engine: Engine) -> int:
    return cast(QueuePool, engine.pool).checkedout()


def test_the_last_one_that_was_used_is_the_next(ready: Ready) -> None:
    first, second = ready.take(), ready.take()
    ready.give(second)
    ready.give(first)

    assert ready.take() is first
    assert ready.take() is second


def test_more_than_are_kept_go_back_to_the_pool(engine: Engine, ready: Ready) -> None:
    for connection in [ready.take() for _ in range(KEPT + 2)]:
        ready.give(connection)

    assert ready.count() == KEPT
    assert checked_out(engine) == KEPT


def test_a_broken_one_is_not_kept(engine: Engine, ready: Ready) -> None:
    connection = ready.take()
    connection.invalidate()
    ready.give(connection)

    assert ready.count() == 0
    assert checked_out(engine) == 0


def test_one_that_broke_while_it_was_kept_is_replaced(engine: Engine, ready: Ready, stale: set[Any]) -> None:
    connection = ready.take()
    stale.add(connection.driver_connection)
    ready.give(connection)

    replacement = ready.take()
    assert replacement.driver_connection not in stale
    assert checked_out(engine) == 1
    ready.give(replacement)


def test_they_are_closed_with_the_engine(engine: Engine, ready: Ready) -> None:
    connection = ready.take()
    ready.give(connection)
    engine.dispose()

    assert ready.count() == 0
    assert not connection.is_valid


def test_after_a_fork_they_are_left_to_the_parent(engine: Engine, ready: Ready) -> None:
    connection = ready.take()
    ready.give(connection)
    ready.forget()
    engine.dispose(close=False)

    assert connection.is_valid
    assert ready.take() is not connection
    connection.close()


def test_whoever_waits_for_one_gets_it(ready: Ready) -> None:
    taken = [ready.take() for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ready.take)
        wait([waiting], timeout=0.1)
        assert not waiting.done()

        ready.give(taken.pop())

        taken.append(waiting.result())
    for connection in taken:
        ready.give(connection)
    assert ready.count() == KEPT


def test_what_is_dropped_is_not_used_again(ready: Ready) -> None:
    connection = ready.take()
    ready.give(connection)
    ready.drop()

    assert not connection.is_valid
    assert ready.take() is not connection

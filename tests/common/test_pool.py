"""What threads wait for: connections of the pool, whose state is known, and slots of a concurrency limit."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common.db.pool import ConnectionPool, transaction
from common.ops.limits import Busy, ConcurrencyLimit
from tests.waiting import wait_until

SIZE = 3  # connections


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[ConnectionPool]:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    engine = create_engine(url, poolclass=NullPool, connect_args={"isolation_level": None})
    yield ConnectionPool(engine, "test", SIZE)
    engine.dispose()


def use(pool: ConnectionPool) -> Connection:
    """Return the connection that was used."""
    return use_at_once(pool, 1)[0]


def use_at_once(pool: ConnectionPool, count: int) -> list[Connection]:
    """Return `count` connections that were used at the same time, each given back."""
    with ExitStack() as stack:
        return [stack.enter_context(pool.connection()) for _ in range(count)]


def test_a_broken_one_is_not_used_again(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        connection.invalidate()

    assert use(pool) is not connection
    assert connection.closed


TABLES = """
    PRAGMA foreign_keys = ON;
    CREATE TABLE shelves (id INTEGER PRIMARY KEY);
    CREATE TABLE books (shelf INTEGER REFERENCES shelves (id) DEFERRABLE INITIALLY DEFERRED)
"""


def test_a_transaction_that_failed_even_at_its_commit_is_rolled_back(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        for statement in TABLES.split(";"):
            connection.exec_driver_sql(statement)
    with pytest.raises(IntegrityError), pool.connection() as connection, transaction(connection):
        connection.exec_driver_sql("INSERT INTO books VALUES (1)")
    with suppress(ZeroDivisionError), pool.connection() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("INSERT INTO books VALUES (NULL)")
        raise ZeroDivisionError

    with pool.connection() as again, transaction(again):
        assert again is connection
        assert again.exec_driver_sql("SELECT count(*) FROM books").scalar_one() == 0


def test_at_a_fork_they_are_left_to_the_parent_in_use_or_not(pool: ConnectionPool) -> None:
    used, idle = use_at_once(pool, 2)
    with ExitStack() as stack:
        assert stack.enter_context(pool.connection()) is used
        child = os.fork()
        if not child:
            stack.close()
            reused = {used, idle} & set(use_at_once(pool, SIZE))
            os._exit(1 if reused or used.closed or idle.closed else 0)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert use_at_once(pool, 2) == [used, idle]


def test_one_that_is_waited_for_goes_to_who_waits_and_not_for_ever(
    pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(1) as threads:
        with ExitStack() as stack:
            taken = [stack.enter_context(pool.connection()) for _ in range(SIZE)]
            waiting = threads.submit(use, pool)
            wait([waiting], timeout=0.1)
            assert not waiting.done()
        assert waiting.result() in taken

    monkeypatch.setattr("common.db.pool.POOL_WAIT", 0.01)
    with pytest.raises(PoolTimeout):
        use_at_once(pool, SIZE + 1)


def test_who_finds_no_slot_in_time_is_refused_with_503_and_every_slot_is_given_back() -> None:
    limit = ConcurrencyLimit(2, waiting=1, wait=0.01)

    def use_all() -> None:
        with limit.slot(), limit.slot():
            with pytest.raises(Busy) as refused:
                limit.acquire()
            assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            use_all()


def test_who_waits_gets_the_slot_that_becomes_free_and_who_may_not_wait_is_refused_at_once() -> None:
    limit = ConcurrencyLimit(1, waiting=2, wait=60)

    def visit() -> None:
        with limit.slot():
            pass

    with ThreadPoolExecutor(3) as threads:
        with limit.slot():
            visits = [threads.submit(visit) for _ in range(3)]
            wait_until(lambda: any(each.done() for each in visits), "one of three is refused")
        refused = [each.exception(30) for each in visits if each.exception(30)]

    assert [type(error) for error in refused] == [Busy]

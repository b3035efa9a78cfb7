"""Concurrency limits: so many threads at once, some that wait, and 503 for the next."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from common.ops.limits import Busy, ConcurrencyLimit
from tests.waiting import wait_until


def test_who_finds_no_slot_in_time_is_refused_with_503() -> None:
    limit = ConcurrencyLimit(2, waiting=1, wait=0.01)

    with limit.slot(), limit.slot(), pytest.raises(Busy) as refused:
        limit.acquire()

    assert refused.value.status == 503
    assert refused.value.headers == {"Retry-After": "5"}


def test_a_slot_is_given_back_whatever_happened() -> None:
    limit = ConcurrencyLimit(1, wait=60)

    with pytest.raises(ZeroDivisionError), limit.slot():
        raise ZeroDivisionError

    for _ in range(3):  # a refusal costs nobody a slot
        with limit.slot(), pytest.raises(Busy), limit.slot():
            pass  # nobody may wait, so this is at once


def test_who_waits_gets_the_slot_that_becomes_free() -> None:
    limit = ConcurrencyLimit(1, waiting=1, wait=30)
    limit.acquire()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(limit.acquire)

        limit.release()

        waiting.result(30)


def test_who_finds_as_many_waiting_as_may_is_refused_at_once() -> None:
    limit = ConcurrencyLimit(1, waiting=2, wait=60)

    def visit() -> None:
        with limit.slot():
            pass

    with ThreadPoolExecutor(3) as threads:
        with limit.slot():
            visits = [threads.submit(visit) for _ in range(3)]
            wait_until(lambda: any(each.done() for each in visits), "one of three is refused")
        refused = [each for each in visits if isinstance(each.exception(30), Busy)]

    assert len(refused) == 1

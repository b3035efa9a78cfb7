"""How many password hashes run at once, and what happens to the others."""

import gc
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from auth_service.hash_queue import Busy, HashQueue, Observer
from common.settings import cores

ROOT = Path(__file__).parents[2]


class Witness(Observer):
    """Writes down what the queue tells."""

    def __init__(self) -> None:
        self.changes: list[int] = []
        self.waits: list[float] = []
        self.hashes: list[float] = []

    def waiting(self, change: int) -> None:
        self.changes.append(change)

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def hashed(self, seconds: float) -> None:
        self.hashes.append(seconds)


@pytest.fixture(scope="module")
def seen() -> Any:
    """Run hash_crowd.py and return what each of its scenes saw."""
    command = [sys.executable, "-W", "error", str(Path(__file__).with_name("hash_crowd.py"))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def open_files() -> set[str]:
    """Return the numbers of this process's open files, without the one that lists them."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir() if entry.exists()}


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_four_processes_of_eight_threads_never_hash_more_than_the_slots_at_once(
    slots: int, seen: Any
) -> None:
    crowd = seen[f"crowd of {slots}"]

    assert crowd["visits"] == 4 * 8 * 4
    assert 1 <= crowd["peak"] <= slots


def test_every_slot_is_used_at_once_when_as_many_processes_want_one(seen: Any) -> None:
    assert seen["full house"] == {"all_met": True}


def test_a_process_killed_in_its_slot_leaves_it_free(seen: Any) -> None:
    assert seen["killed"] == {"refused_before": True, "entered_after": True}


def test_who_waits_already_gets_the_slot_of_a_killed_process(seen: Any) -> None:
    assert seen["killed under a waiter"] == {"early": False, "in_time": True}


def test_a_process_forked_inside_a_slot_neither_owns_it_nor_waits_for_it_forever(seen: Any) -> None:
    assert seen["forked inside"] == {"while_inside": False, "afterwards": True}


def test_there_is_a_slot_for_each_core_unless_told_otherwise() -> None:
    assert HashQueue().slots == cores() >= 1


def test_the_threads_of_one_process_fill_every_slot_together() -> None:
    queue, barrier = HashQueue(slots=3, limit=60), threading.Barrier(4)

    def meet() -> None:
        with queue.slot():
            barrier.wait(timeout=60)

    threads = [threading.Thread(target=meet) for _ in range(3)]
    for thread in threads:
        thread.start()
    barrier.wait(timeout=60)
    for thread in threads:
        thread.join()

    assert not barrier.broken


def test_what_waits_longer_than_the_limit_is_refused() -> None:
    queue = HashQueue(slots=1, limit=0.05)

    with queue.slot(), pytest.raises(Busy), queue.slot():
        pass


def test_the_threads_of_a_process_are_served_in_the_order_of_their_coming() -> None:
    witness, order = Witness(), list[int]()
    queue = HashQueue(slots=1, limit=60, observer=witness)

    def wait(number: int) -> None:
        with queue.slot():
            order.append(number)

    threads = [threading.Thread(target=wait, args=[number]) for number in range(20)]
    with queue.slot():
        for count, thread in enumerate(threads, start=1):
            thread.start()
            while len(queue._line._places) < count:  # nothing public tells that a thread stands in the line
                time.sleep(0.001)
    for thread in threads:
        thread.join()

    assert order == sorted(order)


def test_everyone_in_the_line_is_refused_when_nothing_moves() -> None:
    queue = HashQueue(slots=1, limit=0.05)
    refused: list[bool] = []

    def wait() -> None:
        with pytest.raises(Busy), queue.slot():
            pass
        refused.append(True)

    with queue.slot():
        threads = [threading.Thread(target=wait) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(refused) == 5


def test_a_refusal_costs_nobody_a_slot() -> None:
    queue = HashQueue(slots=1, limit=0.05)
    with queue.slot(), pytest.raises(Busy), queue.slot():
        pass

    with queue.slot():
        pass


def test_a_failing_hash_gives_its_slot_back() -> None:
    queue = HashQueue(slots=1, limit=0.05)
    with pytest.raises(ZeroDivisionError), queue.slot():
        _ = 1 / 0

    with queue.slot():
        pass


def test_more_hashes_than_the_pipe_holds_rings_pass_without_a_hitch() -> None:
    queue = HashQueue(slots=1, limit=0.05)
    for _ in range(40_000):  # rings twice each: 80,000 bytes, of which a pipe holds 65,536
        with queue.slot():
            pass

    with queue.slot(), pytest.raises(Busy), queue.slot():
        pass


def test_the_observer_hears_of_every_wait_and_every_hash() -> None:
    witness = Witness()
    queue = HashQueue(slots=1, limit=0.05, observer=witness)

    with queue.slot(), pytest.raises(Busy), queue.slot():
        pass

    assert witness.changes == [+1, -1, +1, -1]
    assert len(witness.waits) == 2
    assert witness.waits[1] >= 0.05
    assert len(witness.hashes) == 1
    assert witness.hashes[0] >= witness.waits[1]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed under /proc")
def test_a_dropped_queue_closes_its_files() -> None:
    before = open_files()
    queues = [HashQueue() for _ in range(10)]
    opened = open_files() - before
    assert len(opened) == 30

    queues.clear()
    gc.collect()

    assert not opened & open_files()


def test_who_finds_the_line_full_is_refused_at_once() -> None:
    queue = HashQueue(slots=1, waiters=1, limit=60)
    entered = threading.Event()

    def wait() -> None:
        with queue.slot():
            entered.set()

    waiting = threading.Thread(target=wait)
    with queue.slot():
        waiting.start()
        while not queue.is_full:
            time.sleep(0.001)
        with pytest.raises(Busy), queue.slot():
            pass
        assert not entered.is_set()
    waiting.join()

    assert entered.is_set()

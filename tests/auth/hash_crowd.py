"""A master and its forked workers at one hash queue: run by test_hash_queue.py, prints what it saw as JSON.

It is a program of its own because it forks: in the process of the tests there may be threads already. All
scenes are one run, because importing the service takes longer than they do.
"""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from multiprocessing.sharedctypes import Synchronized

from argon2 import PasswordHasher

from auth_service.hash_queue import Busy, HashQueue

fork = multiprocessing.get_context("fork")


class Room:
    """Counts, over all processes, how many are inside now and how many there ever were at once."""

    def __init__(self) -> None:
        self.inside: Synchronized[int] = fork.Value("i", 0)
        self.peak: Synchronized[int] = fork.Value("i", 0)
        self.visits: Synchronized[int] = fork.Value("i", 0)

    def visit(self, work: Callable[[], object]) -> None:
        with self.inside.get_lock():
            self.inside.value += 1
            self.peak.value = max(self.peak.value, self.inside.value)
        work()
        with self.inside.get_lock():
            self.inside.value -= 1
            self.visits.value += 1


def crowd(*, slots: int, processes: int, threads: int, hashes: int) -> dict[str, int]:
    """Let every thread of every process hash at once, and watch from inside the slots."""
    queue, room = HashQueue(slots=slots, limit=60), Room()
    argon2 = PasswordHasher(time_cost=1, memory_cost=512, parallelism=1)

    def visit_often() -> None:
        for _ in range(hashes):
            with queue.slot():
                room.visit(lambda: argon2.hash("correct horse"))

    _in_processes(processes, lambda: _in_threads(threads, visit_often))
    return {"peak": room.peak.value, "visits": room.visits.value}


def full_house(*, slots: int) -> dict[str, bool]:
    """Fill the slots from as many processes: none leaves before all are inside."""
    queue, barrier, met = HashQueue(slots=slots, limit=60), fork.Barrier(slots), fork.Value("i", 0)

    def meet() -> None:
        with queue.slot():
            barrier.wait(timeout=60)
        with met.get_lock():
            met.value += 1

    _in_processes(slots, meet)
    return {"all_met": met.value == slots}


def killed() -> dict[str, bool]:
    """Kill a process inside the only slot, while another one waits for it."""
    queue = HashQueue(slots=1, limit=0.2)
    entered = fork.Event()

    def stay() -> None:
        with queue.slot():
            entered.set()
            signal.pause()

    stayer = fork.Process(target=stay)
    stayer.start()
    entered.wait(timeout=60)
    refused_before = not _enters(queue)
    os.kill(stayer.pid or 0, signal.SIGKILL)
    stayer.join()
    return {"refused_before": refused_before, "entered_after": _enters(queue)}


def killed_under_a_waiter() -> dict[str, bool]:
    """Kill a process inside the only slot, while a thread of another process stands waiting for it."""
    queue = HashQueue(slots=1, limit=60)
    entered, entered_after = fork.Event(), fork.Event()

    def stay() -> None:
        with queue.slot():
            entered.set()
            signal.pause()

    def follow() -> None:
        with queue.slot():
            entered_after.set()

    stayer = fork.Process(target=stay)
    stayer.start()
    entered.wait(timeout=60)
    follower = fork.Process(target=follow)
    follower.start()
    early = entered_after.wait(timeout=0.2)
    os.kill(stayer.pid or 0, signal.SIGKILL)
    stayer.join()
    in_time = entered_after.wait(timeout=20)  # long before its own limit makes it look once more
    follower.kill()
    follower.join()
    return {"early": early, "in_time": in_time}


def forked_inside() -> dict[str, bool]:
    """Fork while the parent is inside the only slot: the child has to wait, and gets in afterwards."""
    queue = HashQueue(slots=1, limit=0.2)
    outcomes: SimpleQueue[bool] = fork.SimpleQueue()
    parent_left = fork.Event()

    def try_twice() -> None:
        outcomes.put(_enters(queue))
        parent_left.wait(timeout=60)
        outcomes.put(_enters(queue))

    child = fork.Process(target=try_twice)
    with queue.slot():
        child.start()
        while_inside = outcomes.get()
    parent_left.set()
    child.join()
    return {"while_inside": while_inside, "afterwards": outcomes.get()}


def _enters(queue: HashQueue) -> bool:
    try:
        with queue.slot():
            return True
    except Busy:
        return False


def _in_processes(count: int, work: Callable[[], None]) -> None:
    processes = [fork.Process(target=work) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit(f"a process ended with {process.exitcode}")


def _in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def play_all() -> dict[str, object]:
    """Play every scene and return what each of them saw."""
    return {
        **{f"crowd of {slots}": crowd(slots=slots, processes=4, threads=8, hashes=4) for slots in (1, 2, 3)},
        "full house": full_house(slots=3),
        "killed": killed(),
        "killed under a waiter": killed_under_a_waiter(),
        "forked inside": forked_inside(),
    }


if __name__ == "__main__":
    print(json.dumps(play_all()))  # noqa: T201 - the answer

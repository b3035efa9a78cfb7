"""Logs in 200 people at once, for 20 s, and prints what that does to auth's memory and to everybody else.

Each has a name of their own, so that no limit gets in the way; what cannot be served in time is refused with
503. The exit status is 1 if memory grows by more than a hash a worker and 64 MiB, an answer is neither 200
nor 503 with `Retry-After`, or somebody else waits longer than a second.
"""

import sys
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from statistics import quantiles

import psutil

from benchmarks.books import staged
from benchmarks.people import PASSWORD, TIMEOUT, Person, register
from benchmarks.services import DATABASES

CROWD = 200
MIB = 1024 * 1024  # bytes
HASH = 19 * MIB  # of memory, for each worker
SPARE = 64 * MIB
LIMIT = 1.0  # seconds, 99 of 100 answers to everybody else
LOOK_EVERY = 1.0  # seconds
PAUSE = 0.02  # seconds


def main() -> int:
    """Measure on each database; return the exit status."""
    parser = ArgumentParser(description="Measure auth and books while 200 people log in at once.")
    parser.add_argument("--database", choices=DATABASES, help="one of them; left out: both in turn")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--workers", type=int, default=2, help="of each service")
    options = parser.parse_args()
    databases = [options.database] if options.database else list(DATABASES)
    return max(report(database, options.seconds, options.workers) for database in databases)


def report(database: str, seconds: float, workers: int) -> int:
    """Print the lines of a database; return 1 if something is not as it should be."""
    with staged(database, workers) as stage:
        people = [register(stage.services.url) for _ in range(CROWD)]
        auth = psutil.Process(stage.services.pid("auth"))
        before, crowd = memory(auth), Crowd(people, seconds)
        receiver, sender = Pipe(duplex=False)
        # In a process of its own: here, an answer would wait for 200 threads of this one.
        everybody_else = get_context("fork").Process(target=ask, args=(stage.reader, crowd.end, sender))
        everybody_else.start()
        with ThreadPoolExecutor(CROWD + 1) as threads:
            logins = [threads.submit(crowd.log_in, person) for person in people]
            peaks = threads.submit(watch_memory, auth, crowd)
            for login in logins:
                login.result()
        times = receiver.recv()
        everybody_else.join()
    peak = peaks.result()
    grown = peak - before
    print(f"{DATABASES[database]}: answers {dict(crowd.statuses)}, 503 without Retry-After {crowd.silent}")
    print(f"  memory {before / MIB:.0f} MiB before, at most {grown / MIB:.0f} more")
    worst = {path: quantiles(taken, n=100)[98] for path, taken in times.items()}
    for path, value in worst.items():
        print(f"  {path}: p99 {1000 * value:.0f} ms of {len(times[path])}", flush=True)
    is_right = not crowd.silent and set(crowd.statuses) <= {200, 503}
    return int(not is_right or grown > workers * HASH + SPARE or max(worst.values()) > LIMIT)


class Crowd:
    """People who log in again and again until the time is over."""

    def __init__(self, people: list[Person], seconds: float) -> None:
        self.together = threading.Barrier(len(people))
        self.statuses: Counter[int] = Counter()
        self.silent = 0  # refusals that do not say when to come again
        self.end = time.monotonic() + seconds

    def log_in(self, person: Person) -> None:
        """Log in until the time is over."""
        self.together.wait(TIMEOUT)
        while time.monotonic() < self.end:
            url = f"{person.url('auth')}/login"
            answer = person.session.post(url, auth=(person.name, PASSWORD), timeout=TIMEOUT)
            self.statuses[answer.status_code] += 1
            self.silent += answer.status_code == 503 and "Retry-After" not in answer.headers


def ask(reader: Person, end: float, sender: Connection) -> None:
    """Send the seconds that everybody else's requests take, by route."""
    times: dict[str, list[float]] = {"auth /healthz": [], "books /healthz": [], "books /books": []}
    while time.monotonic() < end:
        for name, taken in times.items():
            service, path = name.split(" ")
            started = time.perf_counter()
            reader.get(path, service)
            taken.append(time.perf_counter() - started)
        time.sleep(PAUSE)
    sender.send(times)


def watch_memory(auth: psutil.Process, crowd: Crowd) -> int:
    """Return the most bytes that auth has; to look takes a while, and a core."""
    peak = 0
    while time.monotonic() < crowd.end:
        peak = max(peak, memory(auth))
        time.sleep(LOOK_EVERY)
    return peak


def memory(root: psutil.Process) -> int:
    """Return the bytes that a process and its children have, what they share divided among them."""
    return sum(process.memory_full_info().pss for process in (root, *root.children(recursive=True)))


if __name__ == "__main__":
    sys.exit(main())

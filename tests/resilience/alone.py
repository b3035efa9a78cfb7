"""Services of a test's own, without what the test does not need, such as the other service."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.books import conftest as books
from tests.pair import Pair
from tests.people import Person
from tests.ports import listens
from tests.programs import Program, barrier
from tests.served import ServedPair
from tests.waiting import wait_until

TIME = 60  # seconds for a migration, on a busy machine


def make_pair(
    folder: Path, *services: str, databases: Mapping[str, str] | None = None, **settings: str
) -> ServedPair:
    """Return a pair whose `services` have migrated databases; start no other of it."""
    chosen = {"WEB_CONCURRENCY": "2", "THREADS": "16"} | settings
    Pair(folder, databases=databases, services=services).prepare()
    return ServedPair(folder, databases=databases, **chosen)


def somebody(pair: ServedPair) -> Person:
    """Return a client whom books believes, and of whom auth has never heard."""
    person = books.somebody(pair)
    person.session.headers["Connection"] = "close"  # a service that stops waits for idle connections
    return person


def workers(pair: ServedPair) -> list[psutil.Process]:
    """Return the worker processes of books."""
    return psutil.Process(pair.processes["books"].pid).children()


def wait_for_workers(pair: ServedPair, *, other_than: list[psutil.Process]) -> None:
    """Wait until as many workers of books listen as there should be, none of them among these."""

    def replaced() -> bool:
        now = workers(pair)
        listening = sum(listens(each, pair.ports["books"]) for each in now)
        return not set(now) & set(other_than) and listening == int(pair.environment["WEB_CONCURRENCY"])

    wait_until(replaced, "the workers were not replaced", poll=0.2)  # to look takes a while


def upgrade_at_once(service: str, count: int, *, environment: Mapping[str, str]) -> None:
    """Run `flask db upgrade` in so many processes at once; fail unless each of them succeeds."""
    words = ("flask", "--app", f"{service}_service", "db", "upgrade")
    with TemporaryDirectory() as folder:
        output, together = Path(folder) / "output", barrier(count)
        running = [
            Program(*words, environment=environment, output=output, together=together) for _ in range(count)
        ]
        assert [program.wait(TIME) for program in running] == [0] * count, output.read_text()

"""Services of a test's own, without what the test does not need: no key file, no other service."""

import secrets
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from common.tokens.access import issue
from common.tokens.keys import single_key
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
    few = {"WEB_CONCURRENCY": "2", "THREADS": "16"}
    chosen: dict[str, Any] = few | settings
    pair = ServedPair(folder, databases=databases, **chosen, JWT_SECRET=secrets.token_hex(32))
    for service in services:
        flask_db(service, "upgrade", environment=pair.environment)
    return pair


def somebody(pair: ServedPair) -> Person:
    """Return a client whom books believes, and of whom auth has never heard."""
    public_id, session_id = str(uuid.uuid4()), str(uuid.uuid4())
    key = single_key(pair.environment["JWT_SECRET"]).signing
    token = issue(key, public_id=public_id, session_id=session_id, now=time.time())
    person = Person(pair, "somebody", public_id, token)
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

    wait_until(replaced, "the workers were not replaced")


def flask_db(service: str, *words: str, environment: Mapping[str, str], processes: int = 1) -> None:
    """Run a `flask db` command in that many processes at once; fail unless each of them succeeds."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        words = ("flask", "--app", f"{service}_service", "db", *words)
        how: dict[str, Any] = {"environment": environment, "output": output, "together": barrier(processes)}
        running = [Program(*words, **how) for _ in range(processes)]
        assert [program.wait(TIME) for program in running] == [0] * processes, output.read_text()

"""Very many books in one request each way: the same shelf, in memory that does not grow with it."""

import os
import re
from pathlib import Path

import psutil
import pytest

from tests.books.files import NDJSON, as_csv, export, import_file
from tests.people import Person, register
from tests.served import ServedPair

BOOKS = int(os.environ.get("BOOKSTORE_TEST_BOOKS", "10000"))  # 100,000 are what a shelf holds
MIB = 1024 * 1024
LIMIT = 100 * MIB  # above the idle worker


@pytest.mark.slow
def test_a_large_shelf_is_moved_within_100_mib(own_served_pair: ServedPair) -> None:
    own_served_pair.environment["WEB_CONCURRENCY"] = "1"
    own_served_pair.start()
    giver, taker = register(own_served_pair), register(own_served_pair)
    idle = peak(giver)

    file = large_file()
    answer = import_file(giver, file)
    assert answer.json() == {"created": BOOKS, "skipped": 0}
    imported = peak(giver)
    assert import_file(taker, export(giver, "ndjson"), NDJSON).json() == answer.json()
    assert export(taker) == file

    moved = peak(giver)
    print(  # noqa: T201 - to be shown, with -s or -rP
        f"\nidle {idle >> 20} MiB, imported {imported >> 20} MiB, exported and imported {moved >> 20} MiB"
    )
    assert moved - idle < LIMIT


def large_file() -> bytes:
    """Return a file of books that are neither long nor in any order."""
    books = (
        {
            "name": f"The book that has the number {number * 7919 % BOOKS}",
            "Author": f"Åsa Lindgren the {number % 977}th",
            "Publisher": f"Press {number % 89}",
            "book_prize": number % 4000 or None,
        }
        for number in range(BOOKS)
    )
    return as_csv(books)


def peak(person: Person) -> int:
    """Return the largest memory that the one worker of books has had, in bytes."""
    person.get("/books")
    (worker,) = psutil.Process(person.served.processes["books"].pid).children()
    status = Path(f"/proc/{worker.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024

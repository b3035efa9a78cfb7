"""Very many books in one request each way: in memory that does not grow, and no half looks whole."""

import os
import random
import re
import socket
from contextlib import closing
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path

import psutil
import pytest

from tests.books.files import HEADER, NDJSON, as_csv, books, export, import_file
from tests.cases import own_on_postgresql
from tests.feed.ends import leave
from tests.people import Person, register
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

BOOKS = int(os.environ.get("BOOKSTORE_TEST_BOOKS", "10000"))  # 100,000 are what a shelf holds
MEMORY = 100 * 1024 * 1024  # bytes, above the idle worker


@pytest.fixture
def person(own_served_pair: ServedPair) -> Person:
    """Return somebody who has both services, of one worker each, to themselves."""
    own_served_pair.environment["WEB_CONCURRENCY"] = "1"
    return register(own_served_pair.start())


def peak(person: Person) -> int:
    """Return the largest memory that the worker of books has had, in bytes."""
    person.get("/books")
    [worker] = psutil.Process(person.served.processes["books"].pid).children()
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_a_large_shelf_is_moved_within_100_mib(person: Person) -> None:
    taker, rows = register(person.pair), books(BOOKS, Author="Åsa Lindgren, who wrote many")
    random.Random(7).shuffle(rows)
    file = as_csv(rows)
    idle = peak(person)

    answer = import_file(person, file)

    assert answer.json() == {"created": BOOKS, "skipped": 0}
    assert import_file(taker, export(person, "ndjson"), NDJSON).json() == answer.json()
    assert export(taker) == file
    assert peak(person) - idle < MEMORY


@own_on_postgresql
def test_an_export_whose_owner_is_deleted_meanwhile_does_not_look_whole(person: Person) -> None:
    file = as_csv(books(24_000, Author="a" * 200, Publisher="p" * 200))  # which no buffer between us holds
    import_file(person, file)

    with closing(HTTPConnection(person.pair.host("books"), timeout=30)) as connection:
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.request("GET", "/books/export", headers=person.with_token())
        response = connection.getresponse()
        first = response.read(1000)
        person.served.start(FOLLOWER)
        leave(person)
        wait_until(lambda: person.get("/books").status_code == 401, "books hears of it")
        person.served.stop(FOLLOWER)
        with pytest.raises(IncompleteRead) as broken:
            response.read()

    assert first.startswith(HEADER.encode())
    assert len(broken.value.partial) < len(file) / 2

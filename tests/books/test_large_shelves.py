"""Very many books in one request each way: in memory that does not grow with them, all of them or none.

An import or an export that does not come to its end leaves nothing behind, and no half looks whole.
"""

import os
import random
import re
import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

from tests.books.files import CSV, HEADER, NDJSON, as_csv, books, export, import_file, shelf_of
from tests.conftest import databases_on
from tests.feed.ends import leave
from tests.pair import KINDS
from tests.people import Person, assert_problem, register
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

pytestmark = pytest.mark.system
BOOKS = int(os.environ.get("BOOKSTORE_TEST_BOOKS", "10000"))  # 100,000 are what a shelf holds
SLOW = 15_000  # long books; more than the page cache of SQLite holds, so that it writes before the commit
MEMORY = 100 * 1024 * 1024  # bytes, above the idle worker
PATIENCE = 30  # seconds
DELETE = "INSERT INTO deleted_users (public_id, position, deleted_at) VALUES (%s, 0, now())"


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPair]:
    """Both services with one worker each, started once for all tests of this module."""
    folder = tmp_path_factory.mktemp("pair")
    databases = databases_on(request, request.param, folder)
    with ServedPair(folder, databases=databases, WEB_CONCURRENCY="1") as pair:
        yield pair.start()


@pytest.fixture
def person(pair: ServedPair) -> Person:
    return register(pair)


def long_books(count: int = SLOW) -> bytes:
    return as_csv(books(count, Author="a" * 200, Publisher="p" * 200))


def forget_what_was_inserted(pair: ServedPair) -> None:
    """Make the files small again by which `is_inserting` tells."""
    if url := pair.environment.get("BOOKS_DATABASE_URL"):
        with psycopg.connect(url) as connection:
            connection.execute("TRUNCATE books")
    else:
        with closing(sqlite3.connect(pair.folder / "books.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def is_inserting(pair: ServedPair) -> bool:
    """Tell whether books are in the database, or on the way there, that nobody can see yet."""
    url = pair.environment.get("BOOKS_DATABASE_URL")
    if url is None:
        log = Path(pair.folder / "books.db-wal")
        return log.exists() and log.stat().st_size > 2**20
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT pg_relation_size('books') > 100000").fetchone()
    return found is not None and bool(found[0])


@contextmanager
def inserting(person: Person) -> Iterator[Future[requests.Response]]:
    """Import a file, for a block that begins while its books are being inserted."""
    forget_what_was_inserted(person.served)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(import_file, person, long_books())
        wait_until(lambda: answer.done() or is_inserting(person.served), "nothing is inserted", poll=0.005)
        assert not answer.done(), answer.result().text
        assert shelf_of(person) == []
        yield answer


def connect(person: Person) -> HTTPConnection:
    """Return a connection to books that holds little between the server and us."""
    connection = HTTPConnection(person.pair.host("books"), timeout=PATIENCE)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    return connection


def worker(pair: ServedPair) -> psutil.Process | None:
    """Return the one worker of books, if there is one now."""
    workers = psutil.Process(pair.processes["books"].pid).children()
    return workers[0] if workers else None


def kill_worker(pair: ServedPair) -> None:
    """Kill the worker of books, and wait for another one."""
    victim = worker(pair)
    assert victim
    victim.kill()
    wait_until(lambda: worker(pair) not in (None, victim), "there is no other worker")


def peak(person: Person) -> int:
    """Return the largest memory that the worker of books has had, in bytes."""
    person.get("/books")
    process = worker(person.served)
    assert process
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def assert_nothing_is_left(person: Person) -> None:
    """Fail unless the shelf is empty and has room for all it may hold."""
    assert shelf_of(person) == []
    assert import_file(person, as_csv(books(5))).json() == {"created": 5, "skipped": 0}
    assert len(shelf_of(person)) == 5


def test_a_large_shelf_is_moved_within_100_mib(person: Person) -> None:
    taker, rows = register(person.pair), books(BOOKS, Author="Åsa Lindgren, who wrote many")
    random.Random(7).shuffle(rows)
    file = as_csv(rows)
    kill_worker(person.served)
    idle = peak(person)

    answer = import_file(person, file)

    assert answer.json() == {"created": BOOKS, "skipped": 0}
    imported = peak(person)
    assert import_file(taker, export(person, "ndjson"), NDJSON).json() == answer.json()
    assert export(taker) == file
    moved = peak(person)
    print(  # noqa: T201 - to be shown, with -s or -rP
        f"\nidle {idle >> 20} MiB, imported {imported >> 20} MiB, exported and imported {moved >> 20} MiB"
    )
    assert moved - idle < MEMORY


def test_a_worker_that_is_killed_while_it_inserts_leaves_nothing(person: Person) -> None:
    with inserting(person) as answer:
        kill_worker(person.served)
        assert isinstance(answer.exception(), requests.ConnectionError)

    assert_nothing_is_left(person)


@pytest.mark.parametrize("pair", ["sqlite"], indirect=True)  # the server waits, for either
def test_a_stop_lets_an_import_come_to_its_end(person: Person) -> None:
    with inserting(person) as answer:
        person.served.stop("books")
        assert answer.result().json() == {"created": SLOW, "skipped": 0}

    person.served.start("books")
    assert len(shelf_of(person)) == SLOW


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_goes_away_while_it_sends_leaves_nothing(person: Person, chunked: bool) -> None:
    body = long_books()
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    piece = body[: len(body) // 2]
    refused, log = b'"/books/import","status":400', person.served.log("books")
    before = log.read_bytes().count(refused)

    with closing(connect(person)) as connection:
        connection.request("POST", "/books/import", headers=person.with_token(Content_Type=CSV) | framing)
        connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
    wait_until(lambda: log.read_bytes().count(refused) > before, "the import goes on")

    assert_nothing_is_left(person)


@pytest.mark.parametrize("pair", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_whoever_is_deleted_while_books_are_inserted_gets_none(person: Person) -> None:
    url = person.served.environment["BOOKS_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        with inserting(person) as answer:
            connection.execute(DELETE, [person.public_id])
            assert_problem(answer.result(), 401, "token is invalid")
        left = connection.execute("SELECT count(*) FROM books").fetchone()

    assert left == (0,)


def test_an_export_whose_owner_is_deleted_meanwhile_does_not_look_whole(person: Person) -> None:
    file = long_books(24_000)  # which no buffer between us and the server holds
    import_file(person, file)

    with closing(connect(person)) as connection:
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

"""An import or an export that does not come to its end: nothing is left behind, and no half looks whole."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

from tests.books.files import CSV, HEADER, as_csv, books, import_file, shelf_of
from tests.feed.ends import leave
from tests.people import Person, assert_problem, register
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

BOOKS = 60_000  # more than the page cache of SQLite holds, so that it writes before the commit
PATIENCE = 30  # seconds
DELETE = "INSERT INTO deleted_users (public_id, position, deleted_at) VALUES (%s, 0, now())"


@pytest.fixture
def person(own_served_pair: ServedPair) -> Person:
    """Return somebody whose books are served by one worker."""
    own_served_pair.environment["WEB_CONCURRENCY"] = "1"
    return register(own_served_pair.start())


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
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(import_file, person, as_csv(books(BOOKS)))
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


def assert_nothing_is_left(person: Person) -> None:
    """Fail unless the shelf is empty and has room for all it may hold."""
    assert shelf_of(person) == []
    assert import_file(person, as_csv(books(5))).json() == {"created": 5, "skipped": 0}
    assert len(shelf_of(person)) == 5


def test_a_worker_that_is_killed_while_it_inserts_leaves_nothing(person: Person) -> None:
    with inserting(person) as answer:
        victim = worker(person.served)
        assert victim
        victim.kill()
        assert isinstance(answer.exception(), requests.ConnectionError)
    wait_until(lambda: worker(person.served) not in (None, victim), "there is no other worker")

    assert_nothing_is_left(person)


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)  # the server waits, for either
def test_a_stop_lets_an_import_come_to_its_end(person: Person) -> None:
    with inserting(person) as answer:
        person.served.stop("books")
        assert answer.result().json() == {"created": BOOKS, "skipped": 0}

    person.served.start("books")
    assert len(shelf_of(person)) == BOOKS


@pytest.mark.parametrize(
    ("own_pair", "chunked"), [("sqlite", False), ("postgresql", True)], indirect=["own_pair"]
)
def test_a_client_that_goes_away_while_it_sends_leaves_nothing(person: Person, chunked: bool) -> None:
    body = as_csv(books(BOOKS))
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    piece = body[: len(body) // 2]

    with closing(connect(person)) as connection:
        connection.request("POST", "/books/import", headers=person.with_token(Content_Type=CSV) | framing)
        connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
    refused, log = b'"/books/import","status":400', person.served.log("books")
    wait_until(lambda: refused in log.read_bytes(), "the import goes on")

    assert_nothing_is_left(person)


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_whoever_is_deleted_while_books_are_inserted_gets_none(person: Person) -> None:
    url = person.served.environment["BOOKS_DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        with inserting(person) as answer:
            connection.execute(DELETE, [person.public_id])
            assert_problem(answer.result(), 401, "token is invalid")
        left = connection.execute("SELECT count(*) FROM books").fetchone()

    assert left == (0,)


def test_an_export_whose_owner_is_deleted_meanwhile_does_not_look_whole(person: Person) -> None:
    file = as_csv(books(24_000, Author="a" * 200, Publisher="p" * 200))
    import_file(person, file)

    with closing(connect(person)) as connection:
        connection.request("GET", "/books/export", headers=person.with_token())
        response = connection.getresponse()
        first = response.read(1000)
        person.served.start(FOLLOWER)
        leave(person)
        wait_until(lambda: person.get("/books").status_code == 401, "books hears of it")
        with pytest.raises(IncompleteRead) as broken:
            response.read()

    assert first.startswith(HEADER.encode())
    assert len(broken.value.partial) < len(file) / 2

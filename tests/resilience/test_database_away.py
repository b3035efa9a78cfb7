"""A database away, in use or damaged: what needs it answers 503 soon, the rest goes on, and it comes back."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain

import psycopg
import pytest
import requests
from prometheus_client import REGISTRY

from tests.books.conftest import somebody
from tests.cases import own_on_sqlite
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, Person, assert_problem, book, new_name, register
from tests.postgres import own_server
from tests.postgres_server import PostgresServer
from tests.waiting import wait_until

Change = Callable[[PostgresServer], None]

OUTAGES: dict[str, tuple[Change, Change]] = {
    "stopped": (PostgresServer.stop, PostgresServer.start),
    "frozen": (PostgresServer.freeze, PostgresServer.thaw),
}
TIME_TO_REFUSE = 5  # seconds for a 503 because of the database, as docs/errors.md promises
TIME_TO_SAY_UNREADY = 2  # seconds, as docs/errors.md promises
WRITERS = 15  # more than there are connections


@dataclass(frozen=True)
class Call:
    """A request, and the status of its answer while all is well."""

    status: int
    send: Callable[[], requests.Response]


def all_at_once(calls: Sequence[Call]) -> list[requests.Response]:
    """Send all requests at the same time; return the answers in their order."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: call.send(), calls))


@dataclass
class Town:
    """Both services on a server that may be broken, and somebody."""

    server: PostgresServer
    pair: Pair
    user: Person

    @contextmanager
    def away(self, outage: str) -> Iterator[None]:
        """Take the database away for the block."""
        take_away, bring_back = OUTAGES[outage]
        take_away(self.server)
        try:
            yield
        finally:
            bring_back(self.server)

    def needing(self, rounds: int) -> list[Call]:
        """Return requests that need the database, five of each service a round."""
        return [call for _ in range(rounds) for call in self._needing()]

    def _needing(self) -> Iterator[Call]:
        yield Call(200, partial(self.user.get, "/books"))
        yield Call(404, partial(self.user.delete, "/books/999"))
        yield Call(404, partial(self.user.put, "/books/999", book()))
        yield Call(404, partial(self.user.patch, "/books/999", {}))
        yield Call(201, partial(self.user.post, "/books", book()))
        names = (self.user.name, new_name(), new_name())
        known, unknown, new = ({"name": name, "password": PASSWORD} for name in names)
        yield Call(200, partial(self.user.get, "/me", "auth"))
        yield Call(403, partial(self.user.get, "/users", "auth"))
        yield Call(200, partial(self.user.post, "/login", known, "auth", headers={}))
        yield Call(401, partial(self.user.post, "/login", unknown, "auth", headers={}))
        yield Call(201, partial(self.user.post, "/register", new, "auth"))

    def needing_nothing(self) -> Iterator[Call]:
        """Return requests that need no database."""
        for service, path in (("auth", "/register"), ("books", "/books")):
            yield Call(200, partial(self.user.get, "/healthz", service))
            yield Call(200, partial(self.user.get, "/openapi.json", service))
            yield Call(404, partial(self.user.get, "/nowhere", service))
            yield Call(422, partial(self.user.post, path, {}, service))
        yield Call(401, partial(self.user.get, "/books", headers={}))
        yield Call(401, partial(self.user.get, "/me", "auth", headers={"x-access-tokens": "wrong"}))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with own_server() as server:
        databases = {service: server.create_database(service) for service in SERVICES}
        with Pair(tmp_path_factory.mktemp("town"), databases=databases).prepare() as pair:
            user = register(pair.start())
            user.add_book()  # until the first request, a worker knows of no revocations
            yield Town(server, pair, user)


@pytest.mark.parametrize("outage", OUTAGES)
def test_what_needs_the_database_answers_503_soon_and_the_rest_goes_on(town: Town, outage: str) -> None:
    needing = town.needing(6)  # thirty for each service, whose pool holds ten
    others = list(town.needing_nothing())
    ready = [Call(503, partial(town.user.get, "/readyz", service)) for service in SERVICES]

    with town.away(outage):
        answers = all_at_once([*needing, *others, *ready])

    for answer in answers[: len(needing)]:
        assert_problem(answer, 503, "the service cannot answer right now")
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.elapsed.total_seconds() < TIME_TO_REFUSE
    statuses = [answer.status_code for answer in answers[len(needing) :]]
    assert statuses == [call.status for call in [*others, *ready]]
    failing = {"database": "failing", "schema": "failing", "keys": "ok"}
    for answer in answers[-len(ready) :]:
        assert answer.elapsed.total_seconds() < TIME_TO_SAY_UNREADY
        assert answer.json()["status"] == "failing"
        assert answer.json()["checks"].items() >= failing.items()
    assert_all_is_well(town)
    in_use = partial(REGISTRY.get_sample_value, "database_pool_connections")
    pools = [{"database": f"{service}_service"} for service in SERVICES]
    wait_until(lambda: [in_use(pool) for pool in pools] == [0, 0], "connections are not given back")


def test_the_first_requests_after_an_outage_that_nobody_noticed_are_right(town: Town) -> None:
    all_at_once(town.needing(3))  # fills both pools
    with town.away("stopped"):
        pass

    assert_all_is_well(town)


def test_a_service_that_starts_while_the_database_is_away_serves_when_it_is_there(town: Town) -> None:
    town.pair.stop()
    with town.away("stopped"):
        town.pair.start()
        assert {answer.status_code for answer in all_at_once(town.needing(1))} == {503}

    assert_all_is_well(town)


def test_a_database_that_takes_no_writes_refuses_them_with_503(town: Town) -> None:
    """A standby after a failover, for example."""
    read_only, again = "SET default_transaction_read_only = on", "RESET default_transaction_read_only"
    try:
        alter_books(town, read_only)

        assert_problem(town.user.post("/books", book()), 503)
        assert town.user.get("/books").status_code == 200
    finally:
        alter_books(town, again)
    assert_all_is_well(town)


def alter_books(town: Town, change: str) -> None:
    """Change a setting of the database, and end the connections that have the old one."""
    end_all = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'books'"
    with psycopg.connect(town.server.url(), autocommit=True) as operator:
        operator.execute(f"ALTER DATABASE books {change}".encode())
        operator.execute(end_all)


def assert_all_is_well(town: Town) -> None:
    """Ask for as many connections as the pools hold: none of them may be a dead one."""
    needing = town.needing(2)
    assert [answer.status_code for answer in all_at_once(needing)] == [call.status for call in needing]
    for service in SERVICES:
        assert town.user.get("/readyz", service).status_code == 200


@pytest.fixture
def shelf(own_pair: Pair) -> Person:
    """Return the owner of a shelf on SQLite."""
    return somebody(own_pair.start("books"))


@own_on_sqlite
def test_a_crowd_that_writes_behind_another_program_is_refused_in_time_and_reads_go_on(shelf: Person) -> None:
    shelf.add_book()

    def write(number: int) -> list[requests.Response]:
        time.sleep(number / WRITERS)  # a second for all of them: each wait is met at all its stages
        return [shelf.post("/books", book()) for _ in range(2)]

    with (
        closing(sqlite3.connect(shelf.pair.folder / "books.db", isolation_level=None)) as other,
        ThreadPoolExecutor(WRITERS) as threads,
    ):
        other.execute("BEGIN IMMEDIATE")
        written = threads.map(write, range(WRITERS))
        reads = [shelf.get("/books").status_code for _ in range(20)]
        writes = list(chain.from_iterable(written))

    assert set(reads) == {200}
    for answer in writes:
        assert_problem(answer, 503)
        assert answer.elapsed.total_seconds() < TIME_TO_REFUSE
    shelf.add_book()


@own_on_sqlite
def test_a_file_that_is_no_database_is_refused_until_it_is_one(shelf: Person) -> None:
    file = shelf.pair.folder / "books.db"
    good = file.read_bytes()
    file.write_bytes(b"no database" * 1000)

    assert_problem(shelf.get("/books"), 503)
    assert_problem(shelf.post("/books", book()), 503)
    assert shelf.get("/readyz").status_code == 503
    assert shelf.get("/healthz").status_code == 200
    file.write_bytes(good)
    shelf.add_book()

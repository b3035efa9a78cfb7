"""Auth's database alone is restored from an older backup; books is in use, and nobody runs a command."""

import signal
from functools import partial

import psycopg
import pytest

from tests.cases import own_on_postgresql
from tests.feed.ends import leave, log_out, refused_everywhere
from tests.feed.tellers import Shelves, Teller
from tests.people import assert_problem, book, register
from tests.postgres_programs import run_program
from tests.postgres_server import PostgresServer
from tests.resilience.crowd import metric
from tests.resilience.writers import Writers
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

# Each step of the follower: in which epoch, and how many events were applied in it.
WATCH_STEPS = """
CREATE TABLE steps (epoch text, events bigint);
CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO steps VALUES (NEW.epoch, NEW.position - OLD.position); RETURN NEW; END';
CREATE TRIGGER steps BEFORE UPDATE ON feed FOR EACH ROW EXECUTE FUNCTION note_step();
"""


@pytest.fixture
def pair(own_served_pair: ServedPair) -> ServedPair:
    return own_served_pair.start("auth", "books", FOLLOWER)


class Backup:
    """A copy of auth's database as it is now."""

    def __init__(self, pair: ServedPair, postgres: PostgresServer) -> None:
        self._postgres = postgres
        self._name = pair.databases["auth"].rpartition("/")[2]
        self._run("pg_dump", "--format=custom", f"--file={self._name}.dump", pair.databases["auth"])

    def restore(self) -> None:
        """Fill a database aside, and let it take the place of the one in use."""
        aside = f"{self._name}_restored"
        url = self._postgres.create_database(aside, template="template0")
        self._run("pg_restore", "--exit-on-error", f"--dbname={url}", f"{self._name}.dump")
        with psycopg.connect(self._postgres.url(), autocommit=True) as server:
            server.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
            end_all = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            server.execute(end_all, [self._name])
            server.execute(f"ALTER DATABASE {self._name} RENAME TO {self._name}_replaced")
            server.execute(f"ALTER DATABASE {aside} RENAME TO {self._name}")

    def _run(self, *command: str) -> None:
        run_program(*command, cwd=self._postgres.folder)


@own_on_postgresql
def test_a_restored_auth_is_followed_from_its_beginning_and_nothing_is_applied_twice(
    pair: ServedPair, postgres: PostgresServer, teller: Teller, shelves: Shelves
) -> None:
    reader, ended, *leavers = (register(pair) for _ in range(6))
    for person in leavers:
        person.add_book()
    leave(leavers[0])
    shelves.execute(WATCH_STEPS)
    with Writers(reader, count=2, patient=True) as writers:
        backup = Backup(pair, postgres)
        log_out(ended)
        leave(leavers[1])
        wait_until(lambda: refused_everywhere(ended), "books hears of the end")
        wait_until(lambda: shelves.count(leavers[1].public_id) == 0, "books hears of the deletion")
        before = shelves.feed()
        backup.restore()
        teller.end(*(f"session-{number}" for number in range(500)))  # of which auth gives 100 at once
        leave(leavers[2])
        wait_until(lambda: shelves.feed().epoch != before.epoch, "the follower notices")
        pair.stop(FOLLOWER, number=signal.SIGKILL)  # wherever it is
        leave(leavers[3])
        pair.start(FOLLOWER)
        wait_until(lambda: shelves.count(leavers[3].public_id) == 0, "the follower goes on")
    wait_until(lambda: shelves.feed().cursor == teller.last(), "the rest is applied")

    applied = "SELECT sum(events) AS events FROM steps WHERE epoch = :epoch"
    assert shelves.execute(applied, epoch=shelves.feed().epoch)[0].events == teller.last()
    assert refused_everywhere(ended)
    for person in leavers:
        assert_problem(person.post("/books", book()), 401, "token is invalid")
        assert shelves.count(person.public_id) == 0
    assert "feed_begun_again" in pair.log(FOLLOWER).read_text()
    books = partial(metric, pair, "books")
    deleted, heard = 'feed_events_applied{type="user.deleted"}', shelves.feed().users_deleted
    wait_until(lambda: books(deleted) == heard, "what is applied is counted")
    assert all(0 <= books(f"feed_{number}_seconds") < 30 for number in ("lag", "age"))
    assert (writers.lost(), set(writers.statuses), writers.refused) == (set(), {200, 201}, 0)

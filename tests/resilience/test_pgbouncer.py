"""Both services and the follower through PgBouncer, in each of its modes that has transactions."""

import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.feed.ends import log_out, refused_everywhere
from tests.feed.followers import follow_once
from tests.feed.tellers import Shelves
from tests.feed.test_follower_programs import SECOND
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, Person, register
from tests.pgbouncer import CONNECTIONS, pgbouncer
from tests.postgres_server import PostgresServer
from tests.resilience.alone import upgrade_at_once
from tests.served import FOLLOWER, ServedPair
from tests.waiting import wait_until

OFTEN = 12  # times: psycopg would prepare a statement at the sixth


@pytest.fixture(params=CONNECTIONS)
def pooled(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path) -> Iterator[Pair]:
    """Both services, running on databases that they reach and have migrated through PgBouncer."""
    names = {service: f"{service}_{secrets.token_hex(4)}" for service in SERVICES}
    for name in names.values():
        postgres.create_database(name)
    with pgbouncer(postgres, request.param) as pooler:
        databases = {service: pooler.url(name) for service, name in names.items()}
        with Pair(tmp_path, databases=databases) as pair:
            upgrade_at_once("books", 2, environment=pair.environment)
            yield pair.prepare().start()


def test_all_works_through_pgbouncer(pooled: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    person = register(pooled)
    for _ in range(OFTEN):
        assert_all_works(person)
    log_out(person)
    follow_once(pooled)
    wait_until(lambda: refused_everywhere(person), "books hears of it")

    with ServedPair(pooled.folder, databases=pooled.databases) as pair:
        pair.start(FOLLOWER)
        wait_until(lambda: pair.has_logged("feed_followed"), "the first leads")
        pair.environment["FOLLOWER_HEARTBEAT"] = str(pair.folder / "heartbeat")
        pair.start(SECOND)
        wait_until((pair.folder / "heartbeat").exists, "the second runs")
        assert not pair.has_logged("feed_followed", SECOND)
        pair.stop(FOLLOWER, number=signal.SIGKILL)
        wait_until(lambda: pair.has_logged("feed_followed", SECOND), "the second leads")

    with Shelves(pooled.environment, monkeypatch) as shelves, shelves.write() as connection:
        limits = [
            connection.exec_driver_sql(f"SHOW {name}_timeout").scalar() for name in ("lock", "statement")
        ]
    assert tuple(limits) == ("2s", "2500ms")


def assert_all_works(person: Person) -> None:
    """Fail unless the person can log in, refresh, add, change, find and export books."""
    credentials = {"name": person.name, "password": PASSWORD}
    tokens = person.post("/login", credentials, "auth", headers={})
    assert tokens.status_code == 200
    token = {"refresh_token": tokens.json()["refresh_token"]}
    assert person.post("/refresh", token, "auth", headers={}).status_code == 200
    added = person.add_book()
    assert person.get(f"/books/{added['id']}").json()["created_at"].endswith("Z")
    assert (
        person.request("PATCH", "books", f"/books/{added['id']}", json={"book_prize": 1}).status_code == 200
    )
    assert person.get("/books?q=e&limit=2").status_code == 200
    assert person.get("/books/export").status_code == 200

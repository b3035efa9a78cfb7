"""Both services and the follower through PgBouncer, in each of its modes that has transactions."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.feed.ends import log_out, refused_everywhere
from tests.feed.followers import Followers, follow_once
from tests.feed.tellers import Shelves
from tests.pair import SERVICES, Pair
from tests.people import PASSWORD, Person, register
from tests.pgbouncer import CONNECTIONS, pgbouncer
from tests.postgres import or_skip
from tests.postgres_server import PostgresServer
from tests.resilience.alone import upgrade_at_once
from tests.served import ServedPair
from tests.waiting import wait_until

OFTEN = 12  # times: psycopg would prepare a statement at the sixth


@pytest.fixture(params=CONNECTIONS)
def pooled(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path) -> Iterator[Pair]:
    """Both services, running on databases that they reach and have migrated through PgBouncer."""
    names = {service: f"{service}_{secrets.token_hex(4)}" for service in SERVICES}
    for name in names.values():
        postgres.create_database(name)
    with or_skip(), pgbouncer(postgres, request.param) as pooler:
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

    with Followers(ServedPair(pooled.folder, databases=pooled.databases)) as followers:
        first = followers.start("first")
        wait_until(lambda: "feed_followed" in followers.events("first"), "the first leads")
        followers.start("second", FOLLOWER_HEARTBEAT=str(pooled.folder / "heartbeat"))
        wait_until((pooled.folder / "heartbeat").exists, "the second runs")
        assert followers.events("second") == ""
        followers.kill(first)
        wait_until(lambda: "feed_followed" in followers.events("second"), "the second leads")

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

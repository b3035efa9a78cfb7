"""Books spread by owner: over two PostgreSQL servers, and in each over hash partitions of its tables.

A request gets its connection to the server of its owner; nothing else is changed in the service.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import g
from sqlalchemy import Connection, Executable, event

from books_service.models import db
from books_service.shelf import edit, erasure, find, idempotency, put
from books_service.transfer import bulk
from common.db.pool import ConnectionPool
from common.feed.events import sweep
from tests.books.conftest import keep
from tests.books.files import as_csv, books, export, import_file
from tests.books.reading import SORTS, ids
from tests.conftest import migrated_database
from tests.feed.ends import leave
from tests.feed.followers import follow_once
from tests.pair import Pair
from tests.people import Person, assert_problem, book, register
from tests.postgres_server import PostgresServer

TABLES = ("books", "shelves", "idempotency_keys")  # whose rows have owners
PARTITION = """
ALTER TABLE {0} RENAME TO {0}_whole;
CREATE TABLE {0} (LIKE {0}_whole INCLUDING ALL) PARTITION BY HASH (owner);
CREATE TABLE {0}_0 PARTITION OF {0} FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE {0}_1 PARTITION OF {0} FOR VALUES WITH (MODULUS 2, REMAINDER 1);
DROP TABLE {0}_whole
"""
OWNERS = "SELECT owner FROM books UNION SELECT owner FROM idempotency_keys"
MODULES = (bulk, edit, erasure, find, idempotency, put)
QUERIES: list[dict[str, Any]] = [
    {"q": "É", "limit": 1},
    {"q": "press ann", "sort": "-book_prize"},
    {"name": "é", "Author": "ANN"},
    {"Publisher": "press", "sort": "created_at"},
]
ON_SQLITE = {bulk.SELECT_TITLES}
OF_ALL_OWNERS = {idempotency.PURGE, idempotency.REDATE}  # what is old goes, whoever has it


class Shards:
    """The pools of several servers in place of the one that a service has."""

    def __init__(self, *pools: ConnectionPool) -> None:
        self._pools = pools

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection to the server of the request's owner; the first is for what is no request."""
        return self._pools[shard_of(g.identity.public_id) if "identity" in g else 0].connection()


def shard_of(owner: str) -> int:
    """Return the number of the owner's server; a `public_id` is random."""
    return int(owner[0], 16) % 2


@pytest.fixture
def pair(postgres: PostgresServer, template: Path, tmp_path: Path) -> Iterator[Pair]:
    """Return both services, with small shelves and the tables of books in partitions."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    with Pair(tmp_path, databases={"books": partitioned(postgres)}, BOOKS_PER_USER="5") as pair:
        yield pair.start()


@pytest.fixture
def shards(pair: Pair, own_postgres: PostgresServer) -> list[Pair]:
    """Return the services, where books has a second server too, and the same on that server alone."""
    pairs = [pair, pair.variant(BOOKS_DATABASE_URL=partitioned(own_postgres))]
    pools = [each.apps["books"].extensions["connection_pool"] for each in pairs]
    pair.apps["books"].extensions["connection_pool"] = Shards(*pools)
    return pairs


def partitioned(server: PostgresServer) -> str:
    """Return the URL of a migrated database whose tables are cut by owner."""
    url = migrated_database(server, "books")
    with psycopg.connect(url) as connection:
        for table in TABLES:
            connection.execute(PARTITION.format(table))
    return url


def somebody_on(number: int, pair: Pair) -> Person:
    """Register people until one belongs to the server."""
    while shard_of((person := register(pair)).public_id) != number:
        pass
    return person


def use_every_route(person: Person) -> None:
    """Put books on the shelf, change, list, find, export, import and delete them."""
    keyed, sent = person.with_token(Idempotency_Key="key"), book(book_prize=None)
    posted = [person.post("/books", sent, headers=keyed) for _ in range(2)]
    posted += [person.post("/books", body) for body in (sent, book(), book())]
    assert [answer.status_code for answer in posted] == [201, 201, 409, 201, 201]
    path = posted[0].headers["Location"]
    changes = [person.patch(path, {"book_prize": 1}), person.put(path, book(name="É")), person.get(path)]
    assert {answer.json()["id"] for answer in changes} == {int(path.removeprefix("/books/"))}
    for sort in SORTS:
        assert sorted(ids(person, sort=sort, limit=1)) == sorted(ids(person))
    for query in QUERIES:
        assert int(path.removeprefix("/books/")) in ids(person, **query)
    imports = {"": 200, "?on_duplicate=fail": 422, "?dry_run=1": 200}
    answers = [import_file(person, export(person), query=query) for query in imports]
    assert [answer.status_code for answer in answers] == list(imports.values())
    assert_problem(import_file(person, as_csv(books(9))), 409, "shelf is full")
    assert import_file(person, as_csv(books(1))).json() == {"created": 1, "skipped": 0}
    assert person.delete(path).json() == {"message": "Book deleted"}
    assert_problem(person.get(path), 404)


def owners(pair: Pair) -> set[str]:
    """Return whose books and keys are on a server."""
    with psycopg.connect(pair.environment["BOOKS_DATABASE_URL"]) as connection:
        return {owner for (owner,) in connection.execute(OWNERS).fetchall()}


def test_a_shelf_needs_the_server_of_its_owner_alone(
    shards: list[Pair], own_postgres: PostgresServer
) -> None:
    both, _ = shards
    people = [somebody_on(number, both) for number in range(2)]
    for person in people:
        use_every_route(person)
    assert [owners(pair) for pair in shards] == [{person.public_id} for person in people]

    for person, pair in zip(people, shards, strict=True):
        leave(person)
        follow_once(pair)
    assert [owners(pair) for pair in shards] == [set(), set()]

    lonely, waiting = (somebody_on(number, both) for number in range(2))
    own_postgres.stop()
    use_every_route(lonely)
    assert owners(both) == {lonely.public_id}
    assert_problem(waiting.get("/books"), 503)


def test_each_statement_is_for_the_partition_of_its_owner(pair: Pair) -> None:
    person, seen = register(pair), list[tuple[Executable | None, str, Any]]()
    with pair.apps["books"].app_context():
        event.listen(
            db.engine,
            "before_cursor_execute",
            lambda _, __, sql, values, context, ___: seen.append((context.invoked_statement, sql, values)),
        )
    use_every_route(person)
    keep(person, 1000)
    assert_problem(person.post("/books", book(), headers=person.with_token(Idempotency_Key="new")), 429)
    erase(person)

    assert every_statement() - {statement for statement, *_ in seen} == ON_SQLITE
    with psycopg.connect(pair.environment["BOOKS_DATABASE_URL"]) as connection:
        read = [(what, number) for what, *told in seen for number in partitions(connection, *told)]
    assert len({number for statement, number in read if statement in OF_ALL_OWNERS}) == 2
    assert len({number for statement, number in read if statement not in OF_ALL_OWNERS}) == 1


def every_statement() -> set[Executable]:
    """Return the statements that are constants of the modules."""
    constants = [each for module in MODULES for name, each in vars(module).items() if name.isupper()]
    return {each for each in constants if isinstance(each, Executable)}


def erase(person: Person) -> None:
    """Let the follower hear that the person has left, sweep, and purge."""
    leave(person)
    follow_once(person.pair)
    with person.pair.apps["books"].app_context(), db.read() as connection:
        later = datetime.now(UTC) + timedelta(days=1)
        sweep(connection, erasure.USER_DATA, now=later)
        idempotency.purge_keys(connection, now=later)


def partitions(connection: psycopg.Connection[Any], sql: Any, values: Any) -> set[str]:
    """Return the numbers of the partitions that a statement's plan reads."""
    if not sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
        return set()  # BEGIN and the like
    rows = values if isinstance(values, list) else [values]
    plans = [connection.execute("EXPLAIN (FORMAT JSON) " + sql, row).fetchone() for row in rows]
    return set(re.findall(r'"Relation Name": "[a-z_]+_(\d)"', json.dumps(plans)))

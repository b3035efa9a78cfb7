"""The fixtures of the tests of books, requests of many at once, and the database past the routes."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import Connection, func, insert, select, update

from books_service.models import Book, IdempotencyKey, Shelf, db
from common.tokens.access import issue
from common.tokens.keys import read_keys
from tests.at_once import at_once
from tests.pair import Pair
from tests.people import Person


@pytest.fixture
def person(pair: Pair) -> Person:
    """Return somebody who brings an empty shelf."""
    return somebody(pair)


@pytest.fixture
def narrow_pair(pair: Pair) -> Pair:
    """Return both services, where a shelf holds ten books."""
    return pair.variant(BOOKS_PER_USER="10")


def somebody(pair: Pair) -> Person:
    """Return one whom books believes and of whom auth has never heard: a password costs time to hash."""
    public_id = str(uuid.uuid4())
    key = read_keys(pair.folder / "keys.json").signing
    token = issue(key, public_id=public_id, session_id=str(uuid.uuid4()), now=time.time())
    return Person(pair, "somebody", public_id, token)


Sent = tuple[str, str, Any, dict[str, str]]  # method, path, body, headers


def send_at_once(person: Person, sent: Sequence[Sent]) -> list[requests.Response]:
    """Send these requests of somebody at once, with the token."""
    url = person.pair.url("books")

    def ask(session: requests.Session, number: int) -> requests.Response:
        method, path, body, headers = sent[number]
        return session.request(
            method, url + path, json=body, headers=person.with_token(**headers), timeout=30
        )

    return at_once(len(sent), url, ask)


@contextmanager
def transaction(pair: Pair) -> Iterator[Connection]:
    """Yield a connection in a transaction that holds its locks to the end of the block."""
    with pair.apps["books"].app_context(), db.write() as connection:
        yield connection


def counted(person: Person) -> tuple[int, int]:
    """Return how many books are on the shelf, and how many its row says."""
    with transaction(person.pair) as connection:
        books = select(func.count()).select_from(Book).where(Book.owner == person.public_id)
        row = select(Shelf.books).where(Shelf.owner == person.public_id)
        return connection.scalar(books) or 0, connection.scalar(row) or 0


def keys_of(person: Person) -> set[str]:
    """Return the keys that are kept."""
    with transaction(person.pair) as connection:
        kept = select(IdempotencyKey.key).where(IdempotencyKey.owner == person.public_id)
        return set(connection.scalars(kept))


def keep(person: Person, count: int, *, age: timedelta = timedelta()) -> None:
    """Let the person have so many keys, each stored ten seconds after the one before."""
    first = datetime.now(UTC) - age
    row = {"owner": person.public_id, "fingerprint": b"", "answer": b""}
    rows = [row | {"key": f"old-{n}", "made_at": first + n * timedelta(seconds=10)} for n in range(count)]
    with transaction(person.pair) as connection:
        connection.execute(insert(IdempotencyKey), rows)


def age_keys(person: Person, age: timedelta) -> None:
    """Let the person's keys be this old."""
    mine = update(IdempotencyKey).where(IdempotencyKey.owner == person.public_id)
    with transaction(person.pair) as connection:
        connection.execute(mine.values(made_at=datetime.now(UTC) - age))

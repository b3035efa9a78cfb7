"""The books database of a pair, past the routes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, insert, select, update

from books_service.models import Book, IdempotencyKey, Shelf, db
from tests.pair import Pair
from tests.people import Person


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
    made_at = datetime.now(UTC) - age
    with transaction(person.pair) as connection:
        mine = update(IdempotencyKey).where(IdempotencyKey.owner == person.public_id)
        connection.execute(mine.values(made_at=made_at))

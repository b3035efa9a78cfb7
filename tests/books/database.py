"""The books database of a pair, past the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, Engine, create_engine, event, func, select, update

from books_service.models import Book, IdempotencyKey, Shelf
from tests.pair import Pair
from tests.people import Person


@contextmanager
def transaction(pair: Pair) -> Iterator[Connection]:
    """Yield a connection in a transaction that holds its locks to the end of the block."""
    engine = engine_of(pair)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def engine_of(pair: Pair) -> Engine:
    """Return an engine; on SQLite its transactions wait for another writer as the service does."""
    default = f"sqlite:///{pair.folder / 'books.db'}"
    engine = create_engine(pair.environment.get("BOOKS_DATABASE_URL", default))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


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


def age_keys(person: Person, by: timedelta) -> None:
    """Make the person's keys older."""
    mine = IdempotencyKey.owner == person.public_id
    with transaction(person.pair) as connection:
        for key, made_at in connection.execute(
            select(IdempotencyKey.key, IdempotencyKey.made_at).where(mine)
        ):
            change = update(IdempotencyKey).where(mine, IdempotencyKey.key == key)
            connection.execute(change.values(made_at=made_at - by))

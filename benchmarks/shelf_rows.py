"""Makes books in numbers, and stores them past the service: COPY on PostgreSQL, one transaction on SQLite."""

import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import psycopg

from books_service.shelf.put import INSERT_COLUMNS, new_row

SYLLABLES = re.findall(
    "..[aeioräüé]?", "bakelomituranesodipustatrivorlenganmerquizelfroandishteronelarmäfüdé"
)
VOCABULARY = 20_000  # words
AUTHORS = 40_000
PUBLISHERS = 3_000
RARE = "Xylophonquartz"  # a word of which every part is rare
RARE_BOOKS = 20
PRIZES = 5_000
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ", ".join(f'"{name}"' for name in INSERT_COLUMNS)
SHELVES = "INSERT INTO shelves SELECT owner, count(*) FROM books GROUP BY owner ON CONFLICT DO NOTHING"
# What keeps its order is faster made anew than kept; PostgreSQL's primary key stays.
INDEXES = {
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes"
    " WHERE tablename = 'books' AND indexname <> 'pk_books'",
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'books' AND sql <> ''",
}

Row = dict[str, Any]


def make_rows(owners: Sequence[str], count: int, *, rare: str = "", seed: int = 5) -> Iterator[Row]:
    """Yield `count` books, dealt out to `owners` in turn; `RARE_BOOKS` of those of `rare` hold the rare word.

    Words and authors are about as common as in a language: the second half as often as the first.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    words = list({"".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(VOCABULARY)})
    words.sort()
    chance.shuffle(words)
    commonness = list(accumulate(1 / (10 + rank) for rank in range(len(words))))
    authors = [" ".join(chance.choices(words, k=2)).title() for _ in range(AUTHORS)]
    fame = list(accumulate(1 / (10 + rank) for rank in range(AUTHORS)))
    publishers = [f"{word.title()} Press" for word in chance.choices(words, k=PUBLISHERS)]
    rare_left = RARE_BOOKS
    for number in range(count):
        owner = owners[number % len(owners)]
        name = f"{' '.join(chance.choices(words, cum_weights=commonness, k=4)).capitalize()} {number}"
        if owner == rare and rare_left and number > count // (2 * rare_left):
            name, rare_left = f"{name} {RARE}", rare_left - 1
        book = {
            "name": name,
            "Author": chance.choices(authors, cum_weights=fame)[0],
            "Publisher": chance.choice(publishers),
            "book_prize": None if number % 7 == 0 else chance.randint(0, PRIZES),
        }
        yield new_row(owner, book, BEGUN + timedelta(seconds=number))


def store(url: str, rows: Iterator[Row]) -> None:
    """Put the books on their shelves, in a database that was migrated and that nobody writes to."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            _store_in_sqlite(connection, rows)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            _store_in_postgresql(connection, rows)


def _store_in_sqlite(connection: sqlite3.Connection, rows: Iterator[Row]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    indexes = connection.execute(INDEXES["sqlite"]).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    values = ", ".join(f":{name}" for name in INSERT_COLUMNS)
    statement = f"INSERT INTO books ({COLUMNS}) VALUES ({values})"  # noqa: S608 - our own words
    connection.executemany(statement, map(_as_text, rows))
    for _, definition in indexes:
        connection.execute(definition)
    connection.execute(SHELVES.replace("FROM books", "FROM books WHERE true"))
    connection.execute("COMMIT")


def _as_text(row: Row) -> Row:
    """Write times as SQLite's column does."""
    times = {name: row[name].strftime("%Y-%m-%d %H:%M:%S.%f") for name in ("created_at", "updated_at")}
    return row | times


def _store_in_postgresql(connection: psycopg.Connection[Any], rows: Iterator[Row]) -> None:
    indexes = connection.execute(INDEXES["postgresql"]).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    with connection.cursor().copy(f"COPY books ({COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[name] for name in INSERT_COLUMNS])
    for _, definition in indexes:
        connection.execute(definition)
    connection.execute(SHELVES)
    connection.execute("VACUUM ANALYZE books")

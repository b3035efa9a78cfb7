"""The statements for thousands of books at once, for each database; a title is in hexadecimal digits here.

Each takes a batch, so that none gets near the time limit of a statement. PostgreSQL takes a batch as one JSON
text: row by row it costs the worker nine times the CPU.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, Text, bindparam, cast, column, func, insert, select, text
from sqlalchemy.dialects import postgresql

from books_service.models import Book, db
from books_service.shelf.find import MEMBERS
from books_service.shelf.put import INSERT_COLUMNS, IS_DELETED
from books_service.transfer.formats import Format
from common.errors import TokenRevoked

SHARED = ("owner", "version", "created_at", "updated_at")  # by all new books
OWN = tuple(name for name in INSERT_COLUMNS if name not in SHARED)
BATCH = 1000  # books
LONGEST_EXPORT = 300.0  # seconds that a client may take to read all of it

_types = {name: Book.__table__.c[name].type for name in INSERT_COLUMNS}
_owner = bindparam("owner", type_=_types["owner"])
_batch = cast(bindparam("batch", type_=Text()), postgresql.JSON)

_columns = [column(name, Text if name == "title" else _types[name]) for name in OWN]
_rows = func.json_to_recordset(_batch).table_valued(*_columns).render_derived("new", with_types=True)
_shared = {name: bindparam(name, type_=_types[name]) for name in SHARED}
_values = _shared | {name: _rows.c[name] for name in OWN} | {"title": func.decode(_rows.c.title, "hex")}
INSERT_BATCH = insert(Book).from_select(INSERT_COLUMNS, select(*[_values[name] for name in INSERT_COLUMNS]))

SELECT_TITLES = select(Book.title).where(
    Book.owner == _owner, Book.title.in_(bindparam("titles", type_=_types["title"], expanding=True))
)

# Looks up title by title, whatever the planner believes of the owner's books: the first title from there to
# there, for one index has that order, and any other needs a sort (see `PLAN`). Without an end it would walk
# over what was deleted and is not vacuumed yet.
_given = func.json_array_elements_text(_batch).column_valued("given")
_title = func.decode(_given, "hex")
_found = select(Book.title).where(Book.owner == _owner, Book.title.between(_title, _title))
SELECT_TITLES_OF_BATCH = select(_given).where(
    _found.order_by(Book.title).limit(1).scalar_subquery().is_not(None)
)

# A plan that was made while the table was small would go on reading all of it; one that sorts, the shelf.
PLAN = text(
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_sort', 'off', true)"
)
# Without memory for the indexes SQLite needs twice the CPU, and all other writers wait for that.
CACHE = {size: text(f"PRAGMA cache_size = -{size}") for size in (2_000, 24_000)}  # KiB

SELECT_BATCH = (
    select(Book.id, *(getattr(Book, member) for member in MEMBERS))
    .where(Book.owner == bindparam("owner"), Book.id > bindparam("after"))
    .order_by(Book.id)
    .limit(bindparam("limit"))
)


@contextmanager
def prepared(connection: Connection) -> Iterator[None]:
    """Let the transaction work on many rows at once."""
    if not db.is_sqlite:
        connection.execute(PLAN)
        yield
        return
    connection.execute(CACHE[24_000])
    try:
        yield
    finally:
        connection.execute(CACHE[2_000])


def known_titles(connection: Connection, owner: str, titles: Sequence[str]) -> set[str]:
    if db.is_sqlite:
        given = {"owner": owner, "titles": [bytes.fromhex(title) for title in titles]}
        return {title.hex() for title in connection.execute(SELECT_TITLES, given).scalars()}
    given = {"owner": owner, "batch": to_json(titles).decode()}
    return set(connection.execute(SELECT_TITLES_OF_BATCH, given).scalars())


def put_rows(connection: Connection, owner: str, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Put a batch of new books on the shelf; each row has what `OWN` names."""
    shared = {"owner": owner, "version": 1, "created_at": now, "updated_at": now}
    if db.is_sqlite:
        connection.execute(
            insert(Book), [row | shared | {"title": bytes.fromhex(row["title"])} for row in rows]
        )
    else:
        connection.execute(INSERT_BATCH, {"batch": to_json(rows).decode(), **shared})


def export(owner: str, form: Format) -> Iterator[bytes]:
    """Yield the books of `owner` by id, as a file in pieces, with no connection or snapshot held between two.

    A book that does not change is there once: ids only rise. Raises `TokenRevoked` as soon as the books are
    no longer all there.
    """
    deadline = time.monotonic() + LONGEST_EXPORT
    head, after = form.head, 0
    while True:
        with db.read() as connection:
            rows = connection.execute(SELECT_BATCH, {"owner": owner, "after": after, "limit": BATCH}).all()
            # A deletion is recorded before, or together with, that of the first book.
            if connection.execute(IS_DELETED, {"owner": owner}).first():
                raise TokenRevoked("user")
        yield head + form.write(row[1:] for row in rows)
        if len(rows) < BATCH:
            return
        if time.monotonic() > deadline:
            raise RuntimeError("the client took too long to read")
        head, after = b"", rows[-1].id

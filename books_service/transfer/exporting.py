"""Exporting a shelf: some books at a time, each time in a statement of its own.

Nothing is held between two of them, neither a connection nor a snapshot. A book that does not change is there
once: ids only rise, and the next batch begins behind the last one.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from books_service.models import Book, db
from books_service.shelf.find import MEMBERS
from books_service.shelf.put import IS_DELETED, OwnerDeleted
from books_service.transfer.formats import Format

BATCH = 1000  # books
LONGEST = 300.0  # seconds that a client may take to read all of it

SELECT_BATCH = (
    select(Book.id, *(getattr(Book, member) for member in MEMBERS))
    .where(Book.owner == bindparam("owner"), Book.id > bindparam("after"))
    .order_by(Book.id)
    .limit(bindparam("limit"))
)


class TooSlow(Exception):
    """The client took too long to read."""


def export(owner: str, form: Format) -> Iterator[bytes]:
    """Yield the books of `owner` by id, as a file in pieces.

    Raises `OwnerDeleted` as soon as the books are no longer all there, and `TooSlow`.
    """
    deadline = time.monotonic() + LONGEST
    rows = _next(owner, after=0)
    yield form.head + form.write(row[1:] for row in rows)
    while len(rows) == BATCH:
        if time.monotonic() > deadline:
            raise TooSlow
        rows = _next(owner, after=rows[-1][0])
        yield form.write(row[1:] for row in rows)


def _next(owner: str, *, after: int) -> Sequence[Sequence[Any]]:
    with db.read() as connection:
        rows = connection.execute(SELECT_BATCH, {"owner": owner, "after": after, "limit": BATCH}).all()
        # A deletion is recorded before, or together with, that of the first book.
        if connection.execute(IS_DELETED, {"owner": owner}).first():
            raise OwnerDeleted
    return rows

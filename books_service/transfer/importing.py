"""Importing books: all that a file holds are put on the shelf, or none.

The file was read and checked before, with no lock held (see `rows`). One transaction holds the shelf, looks
up what is there already, and inserts the rest.
"""

from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from books_service.models import db
from books_service.shelf.find import COUNT_BOOKS
from books_service.shelf.put import ShelfFull, take_room
from books_service.transfer import bulk
from books_service.transfer.rows import Rows
from common.db.engine import is_locked
from common.errors import InvalidRequest

NO_LIMIT = 2**31 - 1  # books
ATTEMPTS = 4  # each waits for the lock: another import may hold it for longer than one wait


@dataclass(slots=True)
class ImportResult:
    """How many books were put on the shelf, and how many were there, or in the file before."""

    created: int
    skipped: int


def most_rows(owner: str, capacity: int) -> int:
    """Return how many different books a file may have without being too many in any case."""
    with db.read() as connection:
        return max(capacity, connection.execute(COUNT_BOOKS, {"owner": owner}).scalar() or 0)


def put_books(owner: str, rows: Rows, *, capacity: int, dry_run: bool) -> ImportResult:
    """Put the books of a file on the shelf, which may hold `capacity`; a dry run does all but that.

    Raises `InvalidRequest`, `ShelfFull`, and `TokenRevoked` if the owner was deleted.
    """
    if rows.error_count and not rows.fail:
        raise InvalidRequest(rows.errors, rows.error_count)
    for _ in range(ATTEMPTS - 1):
        try:
            return _put_books(owner, rows, capacity=capacity, dry_run=dry_run)
        except OperationalError as error:
            if not is_locked(error):
                raise
    return _put_books(owner, rows, capacity=capacity, dry_run=dry_run)


def _put_books(owner: str, rows: Rows, *, capacity: int, dry_run: bool) -> ImportResult:
    with db.write() as connection:
        take_room(connection, owner, 0, capacity=NO_LIMIT)  # locks the shelf
        with bulk.prepared(connection):
            imported = _import(connection, owner, rows, capacity=capacity, dry_run=dry_run)
        # The last statement, for it fails if the owner was deleted meanwhile.
        take_room(connection, owner, imported.created, capacity=capacity if imported.created else NO_LIMIT)
        if dry_run:
            connection.rollback()
    return imported


def _import(connection: Connection, owner: str, rows: Rows, *, capacity: int, dry_run: bool) -> ImportResult:
    books = connection.execute(COUNT_BOOKS, {"owner": owner}).scalar_one()
    known = _known(connection, owner, rows) if books else frozenset[str]()
    if rows.error_count:
        raise InvalidRequest(rows.errors, rows.error_count)
    created = rows.count - len(known)
    if created and books + created > capacity:
        raise ShelfFull
    if created and not dry_run:
        for batch in rows.batches():
            if new := [row for _, row in batch if row["title"] not in known]:
                bulk.put_rows(connection, owner, new, rows.read_at)
    return ImportResult(created, len(known) + rows.repeated)


def _known(connection: Connection, owner: str, rows: Rows) -> frozenset[str]:
    """Return those titles of the file that the shelf has; where one makes the import fail, it is an error."""
    known = set()
    for batch in rows.batches():
        found = bulk.known_titles(connection, owner, [row["title"] for _, row in batch])
        for line, row in batch if rows.fail and found else ():
            if row["title"] in found:
                rows.add_error(line, "", "is on the shelf already")
        known |= found
    return frozenset(known)

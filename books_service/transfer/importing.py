"""Importing books: all that a file holds are put on the shelf, or none.

The file is read and checked first, with no lock held: good rows are packed, what is wrong is listed. Then one
transaction holds the shelf, looks up what is there already, and inserts the rest.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from books_service.models import db
from books_service.shelf.find import COUNT_BOOKS
from books_service.shelf.put import ShelfFull, new_row, take_room
from books_service.transfer import bulk
from books_service.transfer.lines import MAX_RECORDS, Record, TooManyRecords
from common.db.engine import is_locked
from common.errors import InvalidRequest
from common.web.parsing import field_errors
from common.web.problems import MAX_ERRORS

MAX_BEYOND = 100_000  # books more than a shelf takes among which duplicates are looked for
NO_LIMIT = 2**31 - 1  # books
ATTEMPTS = 4  # each waits for the lock: another import may hold it for longer than one wait


class Rows:
    """The checked rows of a file, packed: a quarter of the memory that dictionaries would take.

    Books beyond `most`, which no shelf takes, are only counted; the titles of some are kept where a book that
    is there already makes the import `fail`.
    """

    def __init__(self, *, most: int, fail: bool) -> None:
        self.errors: list[dict[str, str | int]] = []  # those of the first lines
        self.error_count = 0
        self.count = 0  # different books
        self.repeated = 0  # books that the file has before
        self.read_at = datetime.now(UTC)
        self.fail = fail  # for a book that the file has twice, or the shelf already
        self._most = most
        self._kept = most + MAX_BEYOND if fail else most
        self._titles: set[str] = set()
        self._batch: list[tuple[int, list[Any]]] = []
        self._packed: list[bytes] = []

    def take(self, records: Iterable[Record], check: Callable[[Any], object]) -> None:
        """Keep those records of a file that are books; raises `TooManyRecords`.

        `check` returns a book, whose attributes are its members, or raises `ValidationError`.
        """
        for number, (line, value, wrong) in enumerate(records):
            if number == MAX_RECORDS:
                raise TooManyRecords
            for pointer, detail in wrong:
                self.add_error(line, pointer, detail)
            if wrong and value is None:
                continue
            try:
                self._take_book(line, vars(check(value)))
            except ValidationError as error:
                self._add_invalid(line, error)
        self._pack()

    def add_error(self, line: int, pointer: str, detail: str) -> None:
        """Count what is wrong with a row, and list it if the list has room, or later lines."""
        self.error_count += 1
        if len(self.errors) < MAX_ERRORS or line < int(self.errors[-1]["line"]):
            error: dict[str, str | int] = {"line": line, "pointer": pointer, "detail": detail}
            insort(self.errors, error, key=lambda each: int(each["line"]))
            del self.errors[MAX_ERRORS:]

    def _add_invalid(self, line: int, error: ValidationError) -> None:
        """Add what is wrong with the members of a row; the words only if they are listed, for they cost."""
        if len(self.errors) == MAX_ERRORS:
            self.error_count += error.error_count()
            return
        for each in field_errors(error, "pointer"):
            self.add_error(line, each["pointer"], each["detail"])

    def _take_book(self, line: int, book: Mapping[str, Any]) -> None:
        row = new_row("", book, self.read_at)
        title = row["title"] = row["title"].hex()  # JSON has no bytes
        if title in self._titles:
            self.repeated += 1
            if self.fail:
                self.add_error(line, "", "is in the file twice")
            return
        self.count += 1
        if self.count <= self._kept:
            self._titles.add(title)
            stored = row if self.count <= self._most else {"title": title}
            self._batch.append((line, [stored.get(name) for name in bulk.OWN]))
            if len(self._batch) == bulk.BATCH:
                self._pack()

    def _pack(self) -> None:
        self._packed.append(to_json(self._batch))
        self._batch.clear()

    def batches(self) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """Yield the books, some at a time: the line of each, and what is stored of it."""
        for packed in self._packed:
            yield [(line, dict(zip(bulk.OWN, row, strict=True))) for line, row in from_json(packed)]


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

"""Owns the rows of an imported file: checked as they come, what is wrong with them, and packed what is good.

A hundred thousand books are a quarter of the size that they would have as dictionaries.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from books_service.shelf.put import new_row
from books_service.transfer import bulk
from books_service.transfer.lines import Record
from common.errors import DomainError
from common.web.parsing import FieldError
from common.web.problems import MAX_ERRORS

# Returns the members of a book by its rules; what breaks one is added to the list.
Check = Callable[[Any, list[FieldError]], dict[str, Any]]

MAX_RECORDS = 1_000_000  # in a file: more of them could keep a core busy for minutes
MAX_BEYOND = 100_000  # books more than a shelf takes among which duplicates are looked for
TWICE = "is in the file twice"


class TooManyRecords(DomainError):
    """The file has more records than are read."""

    status = 413
    code = "too-many-records"
    message = f"a file has at most {MAX_RECORDS} records"


class Complaints:
    """What is wrong with the rows of a file: the first of it, and how much it is."""

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[dict[str, str | int]] = []

    def add(self, line: int, pointer: str, detail: str) -> None:
        """Add one; they come in the order of their lines."""
        self.count += 1
        if len(self.listed) < MAX_ERRORS:
            self.listed.append({"line": line, "pointer": pointer, "detail": detail})

    def merge(self, others: "Complaints") -> None:
        """Add those of `others` between these."""
        self.count += others.count
        lines = [*self.listed, *others.listed]
        self.listed = sorted(lines, key=lambda complaint: complaint["line"])[:MAX_ERRORS]


class Rows:
    """The checked rows of a file, packed.

    Of more than `most` books, which no shelf takes, it only remembers that there are more, and where a book
    that is there already makes the import `fail`, what they are called.
    """

    def __init__(self, *, most: int, fail: bool) -> None:
        self.complaints = Complaints()
        self.repeated = 0  # books that the file has before
        self.kept = 0  # different books
        self.surplus = 0  # different books beyond `most`
        self.read_at = datetime.now(UTC)
        self._fail = fail  # for a book that the file has twice, or the shelf already
        self._most = most
        self._titles: set[bytes] = set()
        self._batch: list[tuple[int, list[Any]]] = []
        self._packed: list[bytes] = []
        self._beyond: list[tuple[int, bytes]] = []  # line and title of each of the surplus

    def __len__(self) -> int:
        """Return how many different books there are."""
        return self.kept + self.surplus

    def take(self, records: Iterable[Record], check: Check) -> None:
        """Check the records of a file, and keep those that are books; raises `TooManyRecords`."""
        for number, (line, value, wrong) in enumerate(records):
            if number == MAX_RECORDS:
                raise TooManyRecords
            complaints: list[FieldError] = []
            book = {} if wrong else check(value, complaints)
            told = wrong or [(each["pointer"], each["detail"]) for each in complaints]
            for pointer, detail in told:
                self.complaints.add(line, pointer, detail)
            if not told:
                self._take_book(line, book)
        self._pack()

    def _take_book(self, line: int, book: Mapping[str, Any]) -> None:
        row = new_row("", book, self.read_at)
        if row["title"] in self._titles:
            self._repeat(line)
        elif self.kept == self._most:
            self.surplus += 1
            if self._fail and len(self._beyond) < MAX_BEYOND:
                self._titles.add(row["title"])
                self._beyond.append((line, row["title"]))
        else:
            self.kept += 1
            self._titles.add(row["title"])
            self._batch.append((line, [row[name] for name in bulk.OWN]))
            if len(self._batch) == bulk.BATCH:
                self._pack()

    def _repeat(self, line: int) -> None:
        self.repeated += 1
        if self._fail:
            self.complaints.add(line, "", TWICE)

    def _pack(self) -> None:
        self._packed.append(msgspec.msgpack.encode(self._batch))
        self._batch.clear()

    def batches(self) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """Yield the books, some at a time: the line of each, and what is stored of it."""
        for packed in self._packed:
            rows = msgspec.msgpack.decode(packed)
            yield [(line, dict(zip(bulk.OWN, row, strict=True))) for line, row in rows]

    def titles(self) -> Iterator[list[tuple[int, bytes]]]:
        """Yield line and title of the books, some at a time; of the surplus only where one may `fail`."""
        for batch in self.batches():
            yield [(line, row["title"]) for line, row in batch]
        for start in range(0, len(self._beyond), bulk.BATCH):
            yield self._beyond[start : start + bulk.BATCH]

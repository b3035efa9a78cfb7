"""The rows of an imported file: checked as they come, the good ones packed, what is wrong listed.

A hundred thousand books take a quarter of the memory that they would take as dictionaries.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from books_service.shelf.put import new_row
from books_service.transfer import bulk
from books_service.transfer.lines import MAX_RECORDS, Record, TooManyRecords
from common.web.parsing import field_errors
from common.web.problems import MAX_ERRORS

MAX_BEYOND = 100_000  # books more than a shelf takes among which duplicates are looked for


class Rows:
    """The checked rows of a file, packed.

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

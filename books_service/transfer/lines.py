"""The lines of a file that is imported: where each record starts, and that none is endless."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self, TextIO

from common.errors import DomainError

MAX_RECORD = 64 * 1024  # characters; the longest book takes a tenth of it, however it is written
MAX_RECORDS = 1_000_000  # in a file: more of them could keep a core busy for minutes
EMPTY = frozenset({"\n", "\r\n", "\r"})


class BadRecord(Exception):
    """A record that cannot be read; the message says why."""


class NotUtf8(DomainError):
    status = 400
    code = "not-utf-8"
    message = "the body is not UTF-8"
    detail = 'the body is not UTF-8: a spreadsheet has to save the file as "CSV UTF-8"'


class TooManyRecords(DomainError):
    """The file has more records than are read."""

    status = 413
    code = "too-many-records"
    message = f"a file has at most {MAX_RECORDS} records"


class Record(NamedTuple):
    """A record and its line: the members of a book, if it can be read, and what is wrong with it so far.

    That is pairs of pointer and detail.
    """

    line: int
    value: Any
    wrong: tuple[tuple[str, str], ...] = ()


class Lines:
    """The lines of a text that was opened with `newline=""`: CR, LF and CRLF end one, and are kept."""

    def __init__(self, text: TextIO) -> None:
        self.blank = " \t\r\n"  # what a record may hold that is skipped
        self.record: list[str] = []  # what was read of the current record
        self._text = text
        self._number = 0  # of the last line
        self._skipped = 0  # records
        self._size = 0  # of the record, in characters
        self._ahead = ""  # a line that was read, and is still the next
        self._is_torn = False  # the last piece that was read ended between CR and LF

    def records(self, read: Callable[[], Any]) -> Iterator[Record]:
        """Yield what `read` makes of each record that is not blank, or why it raises `BadRecord`."""
        while True:
            self.record, self._size = [], 0
            wrong: tuple[tuple[str, str], ...] = ()
            try:
                value = read()
            except StopIteration:
                return
            except BadRecord as error:
                value, wrong = None, (("", str(error)),)
            if wrong or any(line.strip(self.blank) for line in self.record):
                yield Record(self._number - len(self.record) + 1, value, wrong)
            else:
                self.skip()

    def skip(self) -> None:
        """Count a record that is skipped, or raise `TooManyRecords`: it takes as long to read as any."""
        self._skipped += 1
        if self._skipped > MAX_RECORDS:
            raise TooManyRecords

    def peek(self) -> str:
        """Return the next line that is not blank, or a piece of an endless one, and leave it the next."""
        while (line := self._read()).endswith(("\r", "\n")) and not line.strip(self.blank):
            self._number += 1
        self._ahead = line
        return line

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        # A file of nothing but line ends has 16 million of them: this loop takes a quarter of a microsecond.
        while (line := self._read()) in EMPTY and not self.record:
            self._number += 1
        if not line:
            raise StopIteration
        self._number += 1
        self._size += len(line)
        self.record.append(line)
        if self._size > MAX_RECORD:
            while line and line[-1] not in "\r\n":
                line = self._read()
            raise BadRecord(f"must be at most {MAX_RECORD} characters long")
        return line

    def _read(self) -> str:
        """Return the next line, or a piece of one that is longer than any record."""
        if self._ahead:
            line, self._ahead = self._ahead, ""
            return line
        line = self._text.readline(MAX_RECORD + 1)
        if self._is_torn and line == "\n":
            line = self._text.readline(MAX_RECORD + 1)
        self._is_torn = len(line) > MAX_RECORD and line[-1] == "\r"
        return line

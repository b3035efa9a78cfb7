"""The lines of a file that is imported: where each record starts, and that none is endless."""

from typing import NamedTuple, Self, TextIO

MAX_RECORD = 64 * 1024  # characters; the longest book takes a tenth of it, however it is written
EMPTY = frozenset({"\n", "\r\n", "\r"})


class TooLong(Exception):
    """A record has more characters than any book."""


class Record(NamedTuple):
    """A record and its line: the members of a book, or what is wrong (pairs of pointer and detail)."""

    line: int
    value: object
    wrong: tuple[tuple[str, str], ...] = ()


class Lines:
    """The lines of a text that was opened with `newline=""`: CR, LF and CRLF end one, and are kept.

    `start` is where the current record starts, `record` what was read of it. A line that makes the record too
    long is skipped, so that reading can go on with the next.
    """

    def __init__(self, text: TextIO) -> None:
        self.start = self.number = 0
        self.record: list[str] = []
        self._text = text
        self._size = 0  # of the record, in characters
        self._is_torn = False  # the last line ended between CR and LF
        self._first = ""  # line of the current record, if that was not returned yet

    def begin(self) -> None:
        """Begin a record with the next line that is not empty."""
        # A file of nothing but line ends has 16 million of them: this loop takes a quarter of a microsecond.
        while (line := self._read()) in EMPTY:
            self.number += 1
        self._first = line
        self.start, self.record, self._size = self.number + 1, [], 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line, self._first = self._first or self._read(), ""
        if not line:
            raise StopIteration
        self.number += 1
        self._size += len(line)
        if self._size > MAX_RECORD:
            self._skip(line)
            raise TooLong
        self.record.append(line)
        return line

    def _read(self) -> str:
        line = self._text.readline(MAX_RECORD + 1)
        if self._is_torn and line == "\n":
            line = self._text.readline(MAX_RECORD + 1)
        self._is_torn = len(line) > MAX_RECORD and line[-1] == "\r"
        return line

    def _skip(self, line: str) -> None:
        while line and line[-1] not in "\r\n":
            line = self._read()

    def is_blank(self) -> bool:
        """Return whether the current record has nothing but white space."""
        return all(not line.strip(" \t\r\n") for line in self.record)

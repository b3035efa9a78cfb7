"""Books as NDJSON: one JSON object a line."""

from collections.abc import Iterable, Iterator, Sequence

from pydantic_core import to_json

from books_service.shelf.put import MEMBERS
from books_service.transfer.csv_format import TOO_LONG
from books_service.transfer.lines import Lines, Record, TooLong
from common.web.parsing import NotJson, parse_json

HEAD = b""  # there is no header
NOT_JSON = "is not JSON"


def write(books: Iterable[Sequence[str | int | None]]) -> bytes:
    """Return books (their members in the order of `MEMBERS`) as lines."""
    return b"".join(to_json(dict(zip(MEMBERS, book, strict=True))) + b"\n" for book in books)


def read(lines: Lines) -> Iterator[Record]:
    """Yield the value of each line that is not blank, whatever it is."""
    while True:
        lines.begin()
        try:
            line = next(lines)
            if not lines.is_blank():
                yield Record(lines.start, parse_json(line.encode()))
        except StopIteration:
            return
        except NotJson:
            yield Record(lines.start, None, (("", NOT_JSON),))
        except TooLong:
            yield Record(lines.start, None, (("", TOO_LONG),))

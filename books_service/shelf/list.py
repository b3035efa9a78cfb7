"""Listing a shelf in pages: each starts where the last one ended.

A page is read in one or more ranges of the order, one after the other until it is full. A book that does not
change is in exactly one of them, whatever is put on the shelf or deleted meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from books_service.models import db
from books_service.shelf.find import BookPayload, book_from_row
from books_service.shelf.search import FILTERED, Search, parameters
from books_service.shelf.sort import BY_ID, QueryShape, ranges, statement
from common.web.cursors import Position


def find_page(
    owner: str, *, sort: str, search: Search, start: Position | None, limit: int
) -> tuple[list[BookPayload], Position | None]:
    """Return up to `limit` books of `owner` that `search` finds, by `sort`, from behind `start`.

    With them comes where the next page begins: None on the last.
    """
    values = {"owner": owner, **parameters(search, sqlite=db.is_sqlite), **_place(sort, start)}
    shape = QueryShape(sort, tuple(search.filters), len(search.words), db.is_sqlite)
    rows: list[Sequence[Any]] = []  # the columns of a book, and the one it is sorted by
    with db.read() as connection:
        for part in ranges(shape, start):
            values["limit"] = limit + 1 - len(rows)
            rows += connection.execute(statement(shape, part), values).all()
            if len(rows) > limit:
                break
    books = [book_from_row(row) for row in rows[:limit]]
    return books, _position(sort, rows[limit - 1]) if len(rows) > limit else None


def cursor_scope(sort: str, search: Search) -> list[str | None]:
    """Return what a cursor is bound to: nothing in the order and with the filters that are usual."""
    if sort == BY_ID and not any(search):
        return []
    return [sort, *(search.filters.get(member) for member in FILTERED), *search.words]


def _position(sort: str, row: Sequence[Any]) -> Position:
    """Return the place of a row: the value it is sorted by, and its id."""
    if sort.endswith(BY_ID):
        return [row[0]]
    return [row[-1].isoformat() if isinstance(row[-1], datetime) else row[-1], row[0]]


def _place(sort: str, start: Position | None) -> dict[str, Any]:
    """Return the parameters that stand for the place `start`."""
    if start is None:
        return {}
    key = datetime.fromisoformat(str(start[0])) if sort.endswith("created_at") else start[0]
    return {"key": key, "after": start[-1]}

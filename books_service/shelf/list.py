"""Listing a shelf in pages: each starts where the last one ended.

A page is read in one or more ranges of its order, one after the other until it is full. A book that does not
change is in exactly one of them, whatever is put on the shelf or deleted meanwhile. Each order has an index.
Missing prizes come last in both directions, which no index does: they are a range of their own.
"""

from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from operator import gt, lt
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, bindparam, literal_column, select, tuple_

from books_service.models import Book, db
from books_service.shelf.find import COLUMNS, COUNT_BOOKS, BookPayload
from books_service.shelf.search import FILTERED, INDEXED, Search, conditions, parameters
from common.web.cursors import Position

BY_ID = "id"
SORTED: dict[str, Any] = {
    BY_ID: Book.id,
    "name": Book.folded_name,
    "Author": Book.folded_author,
    "book_prize": Book.book_prize,
    "created_at": Book.created_at,
}
Ascending = Literal["id", "name", "Author", "book_prize", "created_at"]
Descending = Literal["-id", "-name", "-Author", "-book_prize", "-created_at"]
Sort = Literal[Ascending, Descending]
TOTAL = COUNT_BOOKS.scalar_subquery().label("total")
STATEMENTS = 256  # kept, of as many shapes; a sort of the whole shelf has five at most


class Range(Enum):
    """A range of an order; `key` and `after` are the sort key and the id of the last book shown."""

    ALL = auto()
    NOT_NULL = auto()
    NULL = auto()
    AFTER = auto()
    # The two are AFTER in an index of SQLite, which finds the place of a pair by its first member only.
    SAME_KEY = auto()
    GREATER = auto()
    NULL_AFTER = auto()
    ID_AFTER = auto()


class QueryShape(NamedTuple):
    """What is the same in two listings that are read by the same statements."""

    sort: str
    members: tuple[str, ...]  # whose whole value is given
    words: int
    sqlite: bool

    @property
    def column(self) -> Any:
        return SORTED[self.sort.removeprefix("-")]

    @property
    def sorts_results(self) -> bool:
        """Return whether books are found in an index that has another order, and then sorted."""
        return self.sqlite and bool(self.members or self.words)


class Page(NamedTuple):
    books: list[BookPayload]
    end: Position | None  # where the next page begins: None on the last
    total: int | None  # books on the shelf, if that is what is listed


def find_page(owner: str, *, sort: str, search: Search, start: Position | None, limit: int) -> Page:
    """Return up to `limit` books of `owner` that `search` finds, by `sort`, from behind `start`."""
    values = {"owner": owner, **parameters(search, sqlite=db.is_sqlite), **_place(sort, start)}
    shape = QueryShape(sort, tuple(search.filters), len(search.words), db.is_sqlite)
    rows: list[Row[Any]] = []  # the columns of a book, the total, and the column it is sorted by
    total = None
    with db.read() as connection:
        for part in ranges(shape, start):
            values["limit"] = limit + 1 - len(rows)
            rows += connection.execute(statement(shape, part), values).all()
            if len(rows) > limit:
                break
        if not any(search):
            total = rows[0].total if rows else connection.execute(COUNT_BOOKS, values).scalar() or 0
    books = [BookPayload(*row[: len(COLUMNS)]) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(books, None, total)
    last = rows[limit - 1]  # which ends with the value that it is sorted by
    end = [books[-1].id] if shape.column is Book.id else [last[-1], books[-1].id]
    return Page(books, end, total)


def cursor_scope(sort: str, search: Search) -> list[str | None]:
    """Return what a cursor is bound to: nothing in the order and with the filters that are usual."""
    if sort == BY_ID and not any(search):
        return []
    return [sort, *(search.filters.get(member) for member in FILTERED), *search.words]


def _place(sort: str, start: Position | None) -> dict[str, Any]:
    if start is None:
        return {}
    key = datetime.fromisoformat(str(start[0])) if sort.endswith("created_at") else start[0]
    return {"key": key, "after": start[-1]}


def ranges(shape: QueryShape, start: Position | None) -> list[Range]:
    """Return the ranges behind `start`, in order."""
    nulls = [Range.NULL] if shape.column is Book.book_prize else []
    if start is None:
        return [Range.NOT_NULL, *nulls] if nulls else [Range.ALL]
    if shape.column is Book.id:
        return [Range.ID_AFTER]
    if start[0] is None:
        return [Range.NULL_AFTER]
    if shape.sqlite and not shape.sorts_results:
        return [Range.SAME_KEY, Range.GREATER, *nulls]
    return [Range.AFTER, *nulls]


@lru_cache(STATEMENTS)
def statement(shape: QueryShape, part: Range) -> Select[Any]:
    """Return the statement that reads the rows of a range, up to `limit`.

    A search is planned anew each time, by how common its words are; the plan of a sort is always the same.
    """
    column = shape.column
    # The plus keeps SQLite from an index that has the order: there it would read each book of the owner.
    plus = shape.sorts_results and column is not Book.id
    place = literal_column(f"+{column.key}", column.type) if plus else column
    total = () if shape.members or shape.words else (TOTAL,)
    columns: tuple[Any, ...] = total if column is Book.id else (*total, column)
    found: Select[Any] = select(*COLUMNS, *columns)
    if shape.sorts_results and not INDEXED & set(shape.members):
        # The covering index holds all that is searched; the books themselves are read only for the page.
        ids = _narrow(select(Book.id), shape, part, place).correlate(None)
        found = _order(found.where(Book.id.in_(ids)), shape, column)
    else:
        found = _narrow(found, shape, part, place)
    return found.execution_options(prepare=not (shape.members or shape.words))


def _narrow(found: Select[Any], shape: QueryShape, part: Range, column: Any) -> Select[Any]:
    """Return the select of the first `limit` of a range that the search finds."""
    searched = conditions(shape.members, shape.words, sqlite=shape.sqlite)
    found = found.where(Book.owner == bindparam("owner"), *_bounds(shape, part, column), *searched)
    return _order(found, shape, column).limit(bindparam("limit"))


def _bounds(shape: QueryShape, part: Range, column: Any) -> list[ColumnElement[bool]]:
    """Return the conditions of a range, in the direction of the sort."""
    compare = lt if shape.sort.startswith("-") else gt
    key, after = bindparam("key", type_=column.type), bindparam("after", type_=Book.id.type)
    bounds: dict[Range, list[Any]] = {
        Range.ALL: [],
        Range.NOT_NULL: [column.is_not(None)],
        Range.NULL: [column.is_(None)],
        Range.AFTER: [compare(tuple_(column, Book.id), tuple_(key, after))],
        Range.SAME_KEY: [column == key, compare(Book.id, after)],
        Range.GREATER: [compare(column, key)],
        Range.NULL_AFTER: [column.is_(None), compare(Book.id, after)],
        Range.ID_AFTER: [compare(Book.id, after)],
    }
    return bounds[part]


def _order(found: Select[Any], shape: QueryShape, column: Any) -> Select[Any]:
    columns = [column] if shape.column is Book.id else [column, Book.id]
    return found.order_by(*(each.desc() if shape.sort.startswith("-") else each.asc() for each in columns))

"""Owns the order in which a shelf is listed, and its pages: each is read from where the last one ended.

A page is read in one or more ranges, one after the other until it is full. A book that did not change is in
exactly one of them, whatever is put on the shelf or taken off meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import gt, lt
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, Select, bindparam, literal_column, or_, select, tuple_

from books_service.models import Book, db
from books_service.shelf.books import COLUMNS, BookPayload
from books_service.shelf.search import EVERYTHING, FILTERED, INDEXED, Search, conditions, parameters
from common.web.cursors import Position

BY_ID = "id"
SORTED: Mapping[str, Any] = {
    BY_ID: Book.id,
    "name": Book.folded_name,
    "Author": Book.folded_author,
    "book_prize": Book.book_prize,
    "created_at": Book.created_at,
}
Sort = Literal[
    "id",
    "-id",
    "name",
    "-name",
    "Author",
    "-Author",
    "book_prize",
    "-book_prize",
    "created_at",
    "-created_at",
]
SORTS = get_args(Sort)
WIDTH = len(COLUMNS)
STATEMENTS = 256  # kept, of as many shapes; a sort of the whole shelf has five at most

SELECT_PAGE = (
    select(*COLUMNS)
    .where(Book.owner == bindparam("owner"), Book.id > bindparam("after"))
    .order_by(Book.id)
    .limit(bindparam("limit"))
)

Compare = Callable[[Any, Any], ColumnElement[bool]]
_after = bindparam("after", type_=Book.id.type)


def _key(column: Any) -> ColumnElement[Any]:
    return bindparam("key", type_=column.type)


# What a range asks of the sorted column and of `id`, in the direction of the sort.
RANGES: Mapping[str, Callable[[Any, Compare], Sequence[ColumnElement[bool]]]] = {
    "all": lambda _column, _behind: [],
    "behind the id": lambda _column, behind: [behind(Book.id, _after)],
    "valued": lambda column, _behind: [column.is_not(None)],
    "behind": lambda column, behind: [behind(tuple_(column, Book.id), tuple_(_key(column), _after))],
    # The two are what is behind: SQLite finds the place in an index by the first member of a pair only.
    "tied": lambda column, behind: [column == _key(column), behind(Book.id, _after)],
    "beyond": lambda column, behind: [behind(column, _key(column))],
    # All that is behind a value, where the order costs a sort anyway.
    "behind or null": lambda column, behind: [or_(RANGES["behind"](column, behind)[0], column.is_(None))],
    "null": lambda column, _behind: [column.is_(None)],
    "behind null": lambda column, behind: [column.is_(None), behind(Book.id, _after)],
}


class Page(NamedTuple):
    """Some books, and where the page behind them begins: None on the last."""

    books: list[BookPayload]
    end: Position | None


class Shape(NamedTuple):
    """What is the same in two listings that are read by one statement."""

    sort: str
    range: str  # a name in RANGES
    members: tuple[str, ...]  # whose whole value is given
    words: int
    sqlite: bool

    @property
    def is_search(self) -> bool:
        """Tell whether not all books are wanted."""
        return bool(self.members or self.words)

    @property
    def is_sorted(self) -> bool:
        """Tell whether what is wanted is found in an index that has another order, and then sorted."""
        return self.sqlite and self.is_search


def list_books(owner: str, *, sort: str, search: Search, start: Position | None, limit: int) -> Page:
    """Return up to `limit` books of `owner` that `search` finds, by `sort`, from behind `start`."""
    if sort == BY_ID and search is EVERYTHING:
        place = {"owner": owner, "after": start[0] if start else 0, "limit": limit + 1}
        with db.read() as connection:
            rows: Sequence[Sequence[Any]] = connection.execute(SELECT_PAGE, place).all()
    else:
        rows = _find(owner, sort, search, start, limit + 1)
    books = [BookPayload(*row[:WIDTH]) for row in rows[:limit]]
    return Page(books, _position(sort, rows[limit - 1]) if len(rows) > limit else None)


def identity(sort: str, search: Search) -> list[str | None]:
    """Return what a cursor is bound to: nothing in the order and with the filters that are usual."""
    if sort == BY_ID and search is EVERYTHING:
        return []
    values = dict(search.filters)
    return [sort, *(values.get(member) for member in FILTERED), *search.words]


def _find(owner: str, sort: str, search: Search, start: Position | None, limit: int) -> list[Sequence[Any]]:
    """Return the first `limit` rows behind `start`: the columns of a book, and the one it is sorted by."""
    sqlite = db.is_sqlite
    values = {"owner": owner, **parameters(search, sqlite=sqlite), **_place(sort, start)}
    rows: list[Sequence[Any]] = []
    whole = Shape(sort, "all", search.members, len(search.words), sqlite)
    with db.read() as connection:
        for name in ranges(whole, start):
            range_of_page = statement(whole._replace(range=name))
            rows += connection.execute(range_of_page, {**values, "limit": limit - len(rows)})
            if len(rows) == limit:
                break
    return rows


def ranges(shape: Shape, start: Position | None) -> list[str]:
    """Return the names of the ranges behind `start`, in order."""
    column = SORTED[shape.sort.removeprefix("-")]
    if column is Book.id:
        return ["behind the id"] if start else ["all"]
    nulls = ["null"] if Book.__table__.c[column.key].nullable else []
    if start is None:
        return ["all"] if shape.is_sorted or not nulls else ["valued", *nulls]
    if start[0] is None:
        return ["behind null"]
    if shape.is_sorted:
        return ["behind or null" if nulls else "behind"]
    return (["tied", "beyond"] if shape.sqlite else ["behind"]) + nulls


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


@lru_cache(STATEMENTS)
def statement(shape: Shape) -> Select[Any]:
    """Return the statement that reads the rows of a range, up to `limit`.

    What is looked for is planned anew each time, by how common it is; the plan of a sort is always the same.
    """
    column = SORTED[shape.sort.removeprefix("-")]
    # The plus keeps SQLite from an index that has the order: there it would read each book of the owner.
    plus = shape.is_sorted and column is not Book.id
    place = literal_column(f"+{column.key}", column.type) if plus else column
    columns: tuple[Any, ...] = COLUMNS if column is Book.id else (*COLUMNS, column)
    found: Select[Any] = select(*columns)
    if shape.is_sorted and not INDEXED & set(shape.members):
        # The books themselves are read when it is known which: there is an index that holds all else.
        ids = _narrow(shape, select(Book.id), place).correlate(None)
        found = _order(shape, found.where(Book.id.in_(ids)), column)
    else:
        found = _narrow(shape, found, place)
    return found.execution_options(prepare=not shape.is_search)


def _narrow(shape: Shape, found: Select[Any], column: Any) -> Select[Any]:
    """Return the select of the first `limit` of a range that are wanted."""
    place = RANGES[shape.range](column, lt if shape.sort.startswith("-") else gt)
    wanted = conditions(shape.members, shape.words, sqlite=shape.sqlite)
    found = found.where(Book.owner == bindparam("owner"), *place, *wanted)
    return _order(shape, found, column).limit(bindparam("limit"))


def _order(shape: Shape, found: Select[Any], column: Any) -> Select[Any]:
    by = [column] if column is Book.id else [column, Book.id]
    order = [each.desc() if shape.sort.startswith("-") else each.asc() for each in by]
    if shape.is_sorted:
        order = [each.nulls_last() for each in order]
    return found.order_by(*order)

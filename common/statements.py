"""Owns hot statements: written with SQLAlchemy, compiled once, and run by the driver itself.

SQLAlchemy's own execution costs as much again as the driver, PostgreSQL's answer included (docs/design.md has
the figures). Its pool, its types and its exceptions are kept, so a statement means the same either way.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import Any, cast

from flask import current_app
from sqlalchemy import ClauseElement, Executable, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.compiler import SQLCompiler

from common.database import Database
from common.ready import Ready

TURN = 0.5  # seconds; who waited so long asks SQLite all the same, and is refused in under 5 in all

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]

_writing = threading.Lock()


class Statement:
    """One statement on the current application's database, its own transaction unless it is run in one.

    PostgreSQL plans a prepared one once for all values; one that is not is planned each time for its own.
    """

    def __init__(self, statement: Executable, *, prepared: bool = True) -> None:
        self._statement = statement
        self._prepared = prepared
        self._compiled: dict[str, Compiled] = {}  # by name of the dialect

    def rows(self, **parameters: object) -> list[Row]:
        """Return all rows."""
        return self._run(parameters)[0]

    def first(self, **parameters: object) -> Row | None:
        """Return the first row, or None if there is none."""
        rows = self._run(parameters)[0]
        return rows[0] if rows else None

    def count(self, **parameters: object) -> int:
        """Return how many rows were changed."""
        return self._run(parameters)[1]

    def compile(self, dialect: Dialect) -> SQLCompiler:
        """Return the statement in the words of a driver."""
        # Every statement has `compile`, though what SQLAlchemy calls executable need not.
        return cast(ClauseElement, self._statement).compile(dialect=dialect)  # type: ignore[return-value] # a Compiled, in general

    def _run(self, parameters: dict[str, object]) -> tuple[list[Row], int]:
        ready: Ready = current_app.extensions["ready"]
        compiled = self.compiled(ready.dialect)
        values = compiled.values(parameters)
        try:
            connection = ready.take()
            try:
                return compiled.execute(connection, values)
            finally:
                ready.give(connection)
        except compiled.error as error:
            raise compiled.explain(error) from error

    def compiled(self, dialect: Dialect) -> "Compiled":
        """Return the statement ready to be run; it is compiled once."""
        return self._compiled.get(dialect.name) or self._compile(dialect)

    def _compile(self, dialect: Dialect) -> "Compiled":
        self._compiled[dialect.name] = Compiled(self.compile(dialect), dialect, prepared=self._prepared)
        return self._compiled[dialect.name]


class Transaction:
    """A transaction under way on a connection of its own; see `transaction`."""

    def __init__(self, connection: PoolProxiedConnection, dialect: Dialect) -> None:
        self.is_sqlite = dialect.name == "sqlite"
        self.is_undone = False
        self._connection = connection
        self._dialect = dialect

    def rows(self, statement: Statement, **parameters: object) -> list[Row]:
        """Return all rows."""
        return self._run(statement, parameters)[0]

    def first(self, statement: Statement, **parameters: object) -> Row | None:
        """Return the first row, or None if there is none."""
        rows = self._run(statement, parameters)[0]
        return rows[0] if rows else None

    def count(self, statement: Statement, **parameters: object) -> int:
        """Return how many rows were changed."""
        return self._run(statement, parameters)[1]

    def many(self, statement: Statement, rows: Iterable[dict[str, object]], **shared: object) -> int:
        """Run it once for each of `rows`, and return how many rows were changed.

        `shared` are parameters of all of them. Those of a single row must be values that the driver knows.
        """
        compiled = statement.compiled(self._dialect)
        try:
            return compiled.execute_many(self._connection, compiled.values_of_many(rows, shared))
        except compiled.error as error:
            raise compiled.explain(error) from error

    def undo(self) -> None:
        """Let nothing of it take effect when it ends."""
        self.is_undone = True

    def _run(self, statement: Statement, parameters: dict[str, object]) -> tuple[list[Row], int]:
        compiled = statement.compiled(self._dialect)
        values = compiled.values(parameters)
        try:
            return compiled.execute(self._connection, values)
        except compiled.error as error:
            raise compiled.explain(error) from error


BEGIN, BEGIN_TO_WRITE = Statement(text("BEGIN")), Statement(text("BEGIN IMMEDIATE"))
COMMIT = Statement(text("COMMIT"))


@contextmanager
def transaction(db: Database) -> Iterator[Transaction]:
    """Run statements that take effect together when the block ends, or not at all if it raises.

    On SQLite the transaction holds the write lock from its beginning.
    """
    dialect = db.engine.dialect
    is_sqlite = dialect.name == "sqlite"
    with _in_turn() if is_sqlite else nullcontext(), closing(_connect(db)) as connection:
        running = Transaction(connection, dialect)
        running.count(BEGIN_TO_WRITE if running.is_sqlite else BEGIN)
        yield running
        # What raises does not come here: the pool rolls back a transaction that is given back unfinished.
        if not running.is_undone:
            running.count(COMMIT)


@contextmanager
def _in_turn() -> Iterator[None]:
    """Wait for the other threads of this process that write, for `TURN` at most.

    Those of SQLite's writers that wait ask again and again, and the unlucky are late by seconds.
    """
    is_ours = _writing.acquire(timeout=TURN)
    try:
        yield
    finally:
        if is_ours:
            _writing.release()


def _connect(db: Database) -> PoolProxiedConnection:
    """Return a connection, or raise the exception that SQLAlchemy would have raised."""
    driver: type[Any] = db.engine.dialect.loaded_dbapi.Error
    try:
        return db.engine.raw_connection()
    except driver as error:
        raise explained("", error, db.engine.dialect) from error


def explained(sql: str, error: Exception, dialect: Dialect) -> Exception:
    """Return SQLAlchemy's exception for one of its driver."""
    base = dialect.loaded_dbapi.Error
    return DBAPIError.instance(sql, None, error, base, hide_parameters=True, dialect=dialect)


class Compiled:
    """A statement in the words of one driver."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect, *, prepared: bool) -> None:
        self.sql = str(compiled)
        # SQLite's driver has no such choice.
        self._options = {} if prepared or dialect.name == "sqlite" else {"prepare": False}
        self.error: type[Any] = dialect.loaded_dbapi.Error
        self._dialect = dialect
        self._names = compiled.positiontup if compiled.positional else None
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        binds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        self._binds = [
            (name, convert) for name, kind in binds.items() if (convert := kind.bind_processor(dialect))
        ]
        columns = list(getattr(compiled.statement, "exported_columns", []))
        self._has_rows = bool(columns)
        results = [column.type.dialect_impl(dialect) for column in columns]
        self._results = [
            (place, convert)
            for place, kind in enumerate(results)
            if (convert := kind.result_processor(dialect, None))
        ]

    def execute(self, connection: PoolProxiedConnection, values: Any) -> tuple[list[Row], int]:
        """Run it, and return its rows and how many it changed; a connection that broke leaves the pool."""
        driver: Any = connection.driver_connection
        try:
            cursor = driver.execute(self.sql, values, **self._options)
            return self._read(cursor.fetchall() if self._has_rows else []), cursor.rowcount
        except self.error as error:
            if self._dialect.is_disconnect(error, driver, None):
                connection.invalidate(error)
            raise

    def execute_many(self, connection: PoolProxiedConnection, values: Iterable[Sequence[Any]]) -> int:
        """Run it for each of `values`, and return how many rows were changed."""
        driver: Any = connection.driver_connection
        return int(driver.executemany(self.sql, values).rowcount)

    def values_of_many(self, rows: Iterable[dict[str, Any]], shared: dict[str, Any]) -> Iterator[list[Any]]:
        """Return the parameters of each row, of which `shared` are converted once."""
        shared |= {name: convert(shared[name]) for name, convert in self._binds if name in shared}
        names = self._names or ()
        return ([row[name] if name in row else shared[name] for name in names] for row in rows)

    def values(self, parameters: dict[str, Any]) -> dict[str, Any] | Sequence[Any]:
        """Return the parameters as the driver takes them."""
        parameters |= self._constants
        for name, convert in self._binds:
            parameters[name] = convert(parameters[name])
        return parameters if self._names is None else [parameters[name] for name in self._names]

    def _read(self, rows: list[Row]) -> list[Row]:
        """Return the rows with the values that the columns' types mean."""
        if not self._results:
            return rows
        return [self._convert(list(row)) for row in rows]

    def explain(self, error: Exception) -> Exception:
        """Return the exception that SQLAlchemy would have raised."""
        return explained(self.sql, error, self._dialect)

    def _convert(self, row: list[Any]) -> Row:
        for place, convert in self._results:
            row[place] = convert(row[place])
        return tuple(row)

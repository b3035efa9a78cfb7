"""The way to the database: single statements, transactions, and what a failure answers.

Every connection is in its driver's autocommit mode: a statement on `db.read()` is one round trip, what must
change together runs on `db.write()`, which begins a transaction explicitly.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import psycopg
import structlog
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from flask.typing import ResponseReturnValue
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from prometheus_client import Counter
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import InternalServerError

from common.db.connections import SchemaNotCurrent, WrongDatabase, engine_options, watch_engine
from common.db.pool import ConnectionPool, pool_size, transaction
from common.db.sizes import DatabaseSizes
from common.errors import Unavailable
from common.ops.metrics import at_scrape
from common.settings import Misconfigured, Settings

# To the letter: what is derived from them, such as IntegrityError, is a mistake of ours.
NOT_SERVED = (DatabaseError, InternalError, OperationalError)
FAILURES = (DatabaseError, InterfaceError, PoolTimeout, SchemaNotCurrent)

TURN = 0.5  # seconds; after it SQLite is asked anyway, which refuses within 5 in all

_unavailable = Counter(
    "database_unavailable_total", "Requests answered with 503 because of the database.", ["reason"]
)
for _kind in {*NOT_SERVED, *FAILURES}:
    _unavailable.labels(_kind.__name__)  # from 0, or Prometheus sees no increase when the first are many

log = structlog.get_logger()

_writing = threading.Lock()


class Database(SQLAlchemy):
    """Flask-SQLAlchemy, and the two ways to run a statement: `read()` and `write()`."""

    def init_database(self, app: Flask, settings: Settings) -> None:
        """Connect `app` to its database, whose schema the `migrations` in its package describe."""
        app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings.database_url)
        self.init_app(app)
        Migrate(app, self, directory=f"{app.import_name}:migrations")  # a path's % would be Alembic's own
        scripts = ScriptDirectory(f"{app.root_path}/migrations")
        pool_size.labels(app.name).set(settings.workers * settings.database_pool_size)
        app.extensions["schema_head"] = head = scripts.get_current_head()
        with app.app_context():
            pool = ConnectionPool(self.engine, app.name, settings.database_pool_size)
            app.extensions["connection_pool"] = pool
            at_scrape[app.name] = DatabaseSizes(pool, app.name)
            watch_engine(self.engine, pool, metadata=self.metadata, schema_head=str(head))
            if not settings.is_command:
                self.refuse_wrong_database()
        for error in FAILURES:
            app.register_error_handler(error, answer_database_error)

    def refuse_wrong_database(self) -> None:
        """Exit if the database is there and not for this service."""
        pool: ConnectionPool = current_app.extensions["connection_pool"]
        try:
            with pool.connection():
                pass
            pool.clear()  # no connection is open when the workers are forked
        except WrongDatabase as error:
            raise Misconfigured(str(error)) from error
        except FAILURES:
            return  # it may come back, and be the right one

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def read(self) -> AbstractContextManager[Connection]:
        """Lend a connection for single statements, each of which is a transaction of its own."""
        pool: ConnectionPool = current_app.extensions["connection_pool"]
        return pool.connection()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Lend a connection in a transaction, which is committed unless the block raises.

        `rollback()` as the last call of the block undoes it. On SQLite it has the write lock from the start.
        """
        turn = _turn() if self.is_sqlite else nullcontext()
        with turn, self.read() as connection, transaction(connection):
            yield connection


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for the other threads of this process that write, for `TURN` at most.

    SQLite has no queue for its writers: those that wait ask again and again, and some are late by seconds.
    """
    is_ours = _writing.acquire(timeout=TURN)
    try:
        yield
    finally:
        if is_ours:
            _writing.release()


def is_duplicate(error: IntegrityError) -> bool:
    """Return whether a unique index refused the row, rather than another rule of the table."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE or isinstance(error.orig, psycopg.errors.UniqueViolation)


def is_locked(error: OperationalError) -> bool:
    """Return whether the database answered, but another transaction held the lock."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_BUSY or isinstance(error.orig, psycopg.errors.LockNotAvailable)


def answer_database_error(error: Exception) -> ResponseReturnValue:
    """Answer 503 where the database did not serve the request, 500 where the request was wrong to ask.

    SQLAlchemy has a class for each kind of mistake of ours; what a driver calls plainly an error of the
    database is a file that is none, and its internal errors include a server that only reads.
    """
    if isinstance(error, DatabaseError) and type(error) not in NOT_SERVED:
        log.error("unexpected_error", exc_info=error)
        return current_app.handle_user_exception(InternalServerError(original_exception=error))
    name = type(error).__name__
    _unavailable.labels(name).inc()
    log.error("database_unavailable", error=name, reason=str(getattr(error, "orig", error)))
    return current_app.handle_user_exception(Unavailable())

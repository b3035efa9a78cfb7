"""Owns the way to the database: reads, transactions, and what a failure answers.

Every connection is in its driver's autocommit mode. A read is one statement and needs no transaction;
what must change together goes through `db.session`, which begins one explicitly.
"""

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import psycopg
import structlog
from alembic.script import ScriptDirectory
from flask import Flask, Response, current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.exc import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import ServiceUnavailable

from common import metrics
from common.connections import SchemaNotCurrent, engine_options, prepare_engine
from common.problems import answer, answer_unexpected

# To the letter: what is derived from them, such as IntegrityError, tells of a mistake of ours.
NOT_SERVED = (DatabaseError, InternalError, OperationalError)

log = structlog.get_logger()


class TransactionSession(Session):
    """A session whose every transaction begins at once, on SQLite with the write lock (IMMEDIATE)."""

    def get_bind(self, *_: Any, **__: Any) -> Engine:
        return cast(Engine, current_app.extensions["transactions"])


class Database(SQLAlchemy):
    """Flask-SQLAlchemy with one engine: `read()` for single statements, `session` for transactions."""

    def __init__(self, metadata: MetaData) -> None:
        super().__init__(metadata=metadata, session_options={"class_": TransactionSession})

    def init_database(self, app: Flask, *, url: str, migrations: Path) -> None:
        """Connect `app` to the database at `url`, whose schema `migrations` describes."""
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
        self.init_app(app)
        Migrate(app, self, directory=str(migrations))
        app.extensions["schema_head"] = ScriptDirectory(str(migrations)).get_current_head()
        with app.app_context():
            prepare_engine(app, self.engine)
        for error in (DatabaseError, InterfaceError, PoolTimeout, SchemaNotCurrent):
            app.register_error_handler(error, answer_database_error)

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection for single statements, each of which is its own transaction."""
        return self.engine.connect()


def is_duplicate(error: IntegrityError) -> bool:
    """Tell whether a unique index refused the row, rather than another rule of the table."""
    if isinstance(error.orig, psycopg.errors.UniqueViolation):
        return True
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_UNIQUE


def is_locked(error: OperationalError) -> bool:
    """Tell whether the database was there, and somebody else held what was waited for."""
    if isinstance(error.orig, psycopg.errors.LockNotAvailable):
        return True
    return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def answer_database_error(error: Exception) -> Response:
    """Answer 503 where the database did not serve the request, 500 where the request was wrong to ask.

    SQLAlchemy has a class for each kind of mistake of ours; what a driver calls plainly an error of the
    database is a file that is none, and its internal errors include a server that only reads.
    """
    if isinstance(error, DatabaseError) and type(error) not in NOT_SERVED:
        return answer_unexpected(error)
    return answer_unavailable(error)


def answer_unavailable(error: Exception) -> Response:
    """Answer 503; nothing of the error shows."""
    metrics.database_unavailable(type(error).__name__)
    log.error("database_unavailable", error=type(error).__name__, reason=str(getattr(error, "orig", error)))
    return answer(ServiceUnavailable(retry_after=1))

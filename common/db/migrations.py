"""How a migration runs: alone, however many start at once, and all or nothing."""

import time
from collections.abc import Callable
from pathlib import Path

from alembic import context
from sqlalchemy import Column, Connection, Engine, Index, MetaData, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import SchemaItem

from common.db.connections import WrongDatabase, check_usable, make_private
from common.settings import Misconfigured

LOCK = 0x626F6F6B  # "book": the advisory lock that migrations of one database take
WAIT = 60  # seconds for another migration to end


def migrate(metadata: MetaData, url: str) -> None:
    """Run the migrations that Alembic was asked for on the database at `url`."""
    engine = _sqlite_engine(url) if url.startswith("sqlite") else _postgresql_engine(url)
    with engine.begin() as connection:
        try:
            check_usable(connection, metadata)
        except WrongDatabase as error:
            raise Misconfigured(str(error)) from error
        only = meant_for(connection.dialect.name)
        context.configure(connection=connection, target_metadata=metadata, include_object=only)
        context.run_migrations()


def meant_for(dialect: str) -> Callable[..., bool]:
    """Make Alembic's `include_object`: an index can say in its `info` which kind of database alone has it.

    One of an expression is the migration's own business: two spellings of it cannot be compared.
    """

    def is_meant(part: SchemaItem, *_: object) -> bool:
        if isinstance(part, Index) and not all(isinstance(each, Column) for each in part.expressions):
            return False
        return bool(part.info.get("only", dialect) == dialect)

    return is_meant


def _postgresql_engine(url: str) -> Engine:
    options = {"connect_timeout": 10, "client_encoding": "utf8"}
    options |= {"prepare_threshold": None}  # nothing may stay in a pooler's session
    engine = create_engine(url, poolclass=NullPool, connect_args=options)
    _begin_with(engine, f"SET LOCAL lock_timeout = '{WAIT}s'; SELECT pg_advisory_xact_lock({LOCK})")
    return engine


def _sqlite_engine(url: str) -> Engine:
    database = make_url(url).database or ""
    Path(database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(database)
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": WAIT, "isolation_level": None})
    with engine.connect() as connection:
        _use_wal(connection)
    _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def _begin_with(engine: Engine, statement: str) -> None:
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(statement))


def _use_wal(connection: Connection) -> None:
    """Switch the file to write-ahead logging, which SQLite refuses at once while somebody else does it."""
    deadline = time.monotonic() + WAIT
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return

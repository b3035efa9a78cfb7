"""How a migration runs: alone, however many start at once, and all or nothing."""

import time
from collections.abc import Callable
from pathlib import Path

from alembic import context
from sqlalchemy import Column, Connection, Index, MetaData, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import SchemaItem

LOCK = 0x626F6F6B  # "book": the advisory lock that migrations of one database take
WAIT = 60  # seconds for another migration to end


def migrate(metadata: MetaData, url: str) -> None:
    """Run the migrations that Alembic was asked for on the database at `url`."""
    if url.startswith("sqlite"):
        _migrate_sqlite(metadata, url)
    else:
        _migrate_postgresql(metadata, url)


def meant_for(dialect: str) -> Callable[..., bool]:
    """Make Alembic's `include_object`: an index can say in its `info` which kind of database alone has it.

    One of an expression is the migration's own business: no two spellings of it could be told to be the same.
    """

    def is_meant(part: SchemaItem, *_: object) -> bool:
        if isinstance(part, Index) and not all(isinstance(each, Column) for each in part.expressions):
            return False
        return bool(part.info.get("only", dialect) == dialect)

    return is_meant


def _migrate_postgresql(metadata: MetaData, url: str) -> None:
    options = {"connect_timeout": 10, "options": f"-c lock_timeout={WAIT * 1000}"}
    with create_engine(make_url(url), poolclass=NullPool, connect_args=options).begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        _run(connection, metadata)


def _migrate_sqlite(metadata: MetaData, url: str) -> None:
    Path(make_url(url).database or "").parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": WAIT, "isolation_level": None})
    with engine.connect() as connection:
        _use_wal(connection)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        _run(connection, metadata)


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


def _run(connection: Connection, metadata: MetaData) -> None:
    only = meant_for(connection.dialect.name)
    context.configure(connection=connection, target_metadata=metadata, include_object=only)
    context.run_migrations()

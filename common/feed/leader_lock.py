"""Leader election: one follower per database."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from common.db.engine import Database

KEY = 0x66656564  # "feed": the advisory lock of PostgreSQL
TRY = f"SELECT pg_try_advisory_xact_lock({KEY})"
SETTINGS = (
    "idle_in_transaction_session_timeout = 0",
    # A server that hears nothing from a follower's machine gives its lock to the next within half a minute.
    *("tcp_keepalives_idle = 10", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3"),
)

Check = Callable[[], object]  # raises an exception if the lock is lost


def take(db: Database, pause: Callable[[], None]) -> AbstractContextManager[Check]:
    """Wait until no other follower leads, and lead for the block; `pause` is called between two attempts."""
    return _lock_file(db, pause) if db.is_sqlite else _lock_database(db, pause)


@contextmanager
def _lock_file(db: Database, pause: Callable[[], None]) -> Iterator[Check]:
    """Lock a file beside the database, which ends with the process at the latest."""
    with Path(f"{db.engine.url.database}.follower").open("a") as file:
        while not _is_ours(file):
            pause()
        yield lambda: None


@contextmanager
def _lock_database(db: Database, pause: Callable[[], None]) -> Iterator[Check]:
    """Keep a transaction open, since its lock is ours even where a pooler shares the session with others."""
    with db.write() as connection:
        for setting in SETTINGS:
            connection.exec_driver_sql(f"SET LOCAL {setting}")
        while not connection.exec_driver_sql(TRY).scalar_one():
            pause()
        yield partial(connection.exec_driver_sql, "SELECT 1")


def _is_ours(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

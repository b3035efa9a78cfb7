"""Leader election: one follower per database."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sqlalchemy import Connection

KEY = 0x66656564  # "feed": the advisory lock of PostgreSQL
# A server that hears nothing from a follower's machine gives its lock to the next within half a minute.
KEEPALIVE = ("tcp_keepalives_idle = 10", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3")
# An index has the order of all that the follower reads; to sort would be to read a shelf for each batch.
IN_ORDER = ("enable_sort = off",)


@contextmanager
def take(connection: Connection, pause: Callable[[], None]) -> Iterator[None]:
    """Wait until no other follower leads, and lead for the block; `pause` is called between two attempts.

    All work is done on `connection`: on PostgreSQL the lock ends with it. SQLite's is on a file beside the
    database, and ends with the process at the latest.
    """
    if connection.dialect.name == "sqlite":
        with Path(f"{connection.engine.url.database}.follower").open("a") as file:
            while not _lock_file(file):
                pause()
            yield
    else:
        for setting in (*KEEPALIVE, *IN_ORDER):
            connection.exec_driver_sql(f"SET {setting}")
        while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({KEY})").scalar_one():
            pause()
        yield


def _lock_file(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

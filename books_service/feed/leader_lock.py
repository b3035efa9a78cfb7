"""Owns the lock by which one follower of a books database is at work at a time, however many run."""

import fcntl
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import URL, Connection

KEY = 0x66656564  # "feed": the advisory lock of PostgreSQL
# A server that hears nothing from a follower's machine gives its lock to the next within half a minute.
KEEPALIVE = ("tcp_keepalives_idle = 10", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3")
# An index has the order of all that the follower reads; to sort would be to read a shelf for each batch.
IN_ORDER = ("enable_sort = off",)


class Lock(Protocol):
    """What is held as long as the connection lasts, or the process."""

    def take(self, connection: Connection) -> bool:
        """Return whether it is held now; `connection` is the one that all work is done on."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class AdvisoryLock:
    """PostgreSQL's, which ends with the connection."""

    def take(self, connection: Connection) -> bool:
        for setting in (*KEEPALIVE, *IN_ORDER):
            connection.exec_driver_sql(f"SET {setting}")
        return bool(connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({KEY})").scalar_one())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it to the end of the connection."""


class FileLock:
    """A lock on a file beside the SQLite database, which ends with the process."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def take(self, _: Connection) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def make_lock(url: URL) -> Lock:
    """Return the lock of the database at `url`."""
    if url.get_backend_name() == "sqlite":
        return FileLock(Path(f"{url.database}.follower"))
    return AdvisoryLock()

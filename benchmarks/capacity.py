"""Prints what so many users need: `python -m benchmarks.capacity --users 10000000`.

The first table is what is assumed or was measured, the others follow from it; docs/scaling.md has them all.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from math import ceil
from typing import NamedTuple

DAY = 24 * 60 * 60  # seconds
YEAR = 365  # days


class Given(NamedTuple):
    """A number that the calculation begins with."""

    what: str
    value: float
    source: str


ACTIVE = Given("users who come on a day, of all", 0.2, "assumed")
WEEKLY = Given("users who come in a week, of all", 0.5, "assumed; they have a live session")
DEVICES = Given("live sessions of each of them", 1.5, "assumed")
PEAK = Given("times as much as on average at the peak", 5, "assumed: a fifth of the day in an hour")
LOGINS = Given("logins of a visitor a day", 0.25, "assumed: sessions last 7 to 30 days")
REFRESHES = Given("refreshes of a visitor a day", 3, "assumed: tokens live for 45 minutes")
PAGES = Given("pages of books of a visitor a day", 20, "assumed")
CHANGES = Given("changes of books of a visitor a day", 2, "assumed; each has an `Idempotency-Key`")
LOGOUTS = Given("logouts, of logins", 0.1, "assumed")
LEAVERS = Given("users deleted in a year, of all", 0.05, "assumed")
BOOKS = Given("books of a user", 20, "assumed")
LOGIN = Given("ms of CPU of a login", 70, "measured, 50 of them the hash")
REFRESH = Given("ms of CPU of a refresh", 4.3, "`make bench-compare`")
PAGE = Given("ms of CPU of a page of 20 books", 2.3, "`make bench-peers`, 2.0 to 2.7")
CHANGE = Given("ms of CPU of a new book", 2.8, "`make bench-peers`, 2.6 to 2.9")
HASH = Given("MiB of a hash", 19, "`ARGON2_MEMORY_KIB`")
BUSY = Given("part of a core that is used at the peak", 0.5, "assumed: half may fail")
BATCH = Given("ms of the database to delete 500 books", 3, "[measurements](measurements.md)")
COMMIT = Given("ms that an event holds the feed's row", 5, "assumed")

GIVEN = [each for each in list(globals().values()) if isinstance(each, Given)]
CORES, WORKERS, CONNECTIONS = 2, 2, 10  # of a replica, of a replica, of a worker
REPLICA = CORES * BUSY.value  # cores that one gives at the peak

# Bytes a row with its indexes: docs/operations.md says of which rows.
BYTES = {
    "users": 406,
    "sessions": 453,
    "audit": 327,
    "events": 176,
    "known_networks": 230,
    "books": 1242,
    "shelves": 232,
    "idempotency_keys": 615,
    "deleted_users": 192,
    "ended_sessions": 184,
}


def main() -> int:
    parser = ArgumentParser(description="Print what so many users need.")
    parser.add_argument("--users", type=int, default=10_000_000)
    print(report(parser.parse_args().users))
    return 0


def report(users: int) -> str:
    """Return the tables, in Markdown."""
    given = [(each.what, f"{each.value:g}", each.source) for each in GIVEN]
    tables = [
        lines(("given", "", "source"), given),
        lines((f"at the peak of {users:,} users", "a second", "cores", "commits a second"), rates(users)),
        lines(("in all", ""), totals(users)),
        lines(("table", "rows", "GB"), sizes(users)),
    ]
    return "\n\n".join(tables)


def lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ("---",) * len(head), *rows])


def peak(users: int, daily: float) -> float:
    """Return how often a second everybody who comes does something so many times a day."""
    return users * ACTIVE.value * daily / DAY * PEAK.value


def load(users: int) -> dict[str, tuple[float, float, float]]:
    """Return how often a second each thing is done at the peak, the cores that takes, and the commits."""
    return {
        name: (rate := peak(users, daily.value), rate * cost.value / 1000, rate * commits)
        for name, daily, cost, commits in (
            ("logins", LOGINS, LOGIN, 2),
            ("refreshes", REFRESHES, REFRESH, 1),
            ("pages of books", PAGES, PAGE, 0),
            ("changes of books", CHANGES, CHANGE, 1),
        )
    }


def rates(users: int) -> Iterable[tuple[str, ...]]:
    for name, numbers in load(users).items():
        rate, cores, commits = numbers
        yield name, f"{rate:,.0f}", f"{cores:,.1f}", f"{commits:,.0f}"


def totals(users: int) -> Iterable[tuple[str, str]]:
    """Yield what follows for machines, connections, the feed and erasure."""
    cores = {name: numbers[1] for name, numbers in load(users).items()}
    auth = ceil((cores["logins"] + cores["refreshes"]) / REPLICA)
    books = ceil((cores["pages of books"] + cores["changes of books"]) / REPLICA)
    storm = users * ACTIVE.value / 3600
    hashing = storm * LOGIN.value / 1000
    leaving = users * LEAVERS.value / YEAR
    events = peak(users, LOGINS.value * LOGOUTS.value) + leaving / DAY * PEAK.value
    yield f"replicas of auth, of books, of {CORES} cores each", f"{auth}, {books}"
    yield "connections of all their workers", f"{(auth + books) * WORKERS * CONNECTIONS}"
    yield "MiB of hashes at the peak", f"{cores['logins'] * HASH.value:,.0f}"
    yield "logins a second if all visitors of a day come in one hour", f"{storm:,.0f}"
    yield "cores and MiB of their hashes", f"{hashing:,.0f}, {hashing * HASH.value:,.0f}"
    yield "events a second, of as many as the row takes", f"{events:,.1f} of {1000 / COMMIT.value:,.0f}"
    yield (
        "users erased a day, seconds of the database",
        f"{leaving:,.0f}, {leaving * BATCH.value / 1000:,.0f}",
    )


def sizes(users: int) -> Iterable[tuple[str, str, str]]:
    """Yield the rows and the bytes of each table that grows."""
    daily = users * ACTIVE.value
    logins, logouts = daily * LOGINS.value, daily * LOGINS.value * LOGOUTS.value
    deleted = users * LEAVERS.value
    rows = {
        "users": users,
        "sessions": users * WEEKLY.value * DEVICES.value,
        "audit": 90 * (logins + logouts),
        "events": 90 * logouts + deleted,
        "known_networks": 30 * logins,
        "books": users * BOOKS.value,
        "shelves": users,
        "idempotency_keys": daily * CHANGES.value,
        "deleted_users": deleted,
        "ended_sessions": logouts,
    }
    for table, count in rows.items():
        yield f"`{table}`", f"{count:,.0f}", f"{count * BYTES[table] / 1e9:,.1f}"


if __name__ == "__main__":
    sys.exit(main())

"""Loads the books service as it runs for real, and prints what an answer costs: `make bench`.

It runs on data of its own, once on SQLite and once on a private PostgreSQL server. The database is shown
apart where it has processes of its own; SQLite's work is the server's.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.load import Measurement, Route, measure, summarize, table
from benchmarks.people import Person, book, register
from benchmarks.services import CORES, DATABASES, Services, postgres_if, running

SHELF = 20  # books


@dataclass(frozen=True)
class Stage:
    """Running services with a user who reads and one who writes."""

    services: Services
    database: Sequence[int]  # the process id of the database server, if there is one
    reader: Person
    writer: Person
    ids: Sequence[int]  # of the reader's books

    @property
    def body(self) -> str:
        """Return the body of a new book."""
        return json.dumps(book("Book {n}"))

    def routes(self) -> list[Route]:
        """Return what is measured."""
        url = self.services.url("books")
        reads: dict[str, Any] = {"method": "GET", "url": url, "authorizations": [self.reader.bearer]}
        writes = reads | {"method": "POST", "authorizations": [self.writer.bearer], "body": self.body}
        return [
            Route(name=f"GET /books ({SHELF})", paths=["/books"], **reads),
            Route(name="GET /books/<id>", paths=[f"/books/{each}" for each in self.ids], **reads),
            Route(name="POST /book", paths=["/book"], **writes),
        ]


def main() -> int:
    """Measure each database in turn; return the exit status, 1 if a request failed."""
    options, errors = parse_options(), 0
    for database in [options.database] if options.database else DATABASES:
        with staged(database, options.workers, options.server) as stage:
            results = measure_routes(stage, options)
        title = f"{DATABASES[database]}, {options.server}, {options.workers} workers"
        print(f"\n{title}, {options.connections} connections\n{table(results)}", flush=True)
        errors += sum(result.errors for result in results.values())
    return 1 if errors else 0


def parse_options() -> Namespace:
    parser = ArgumentParser(description="Load the books service with wrk and print what an answer costs.")
    parser.add_argument("--database", choices=DATABASES, help="one of them; left out: both in turn")
    parser.add_argument("--seconds", type=int, default=10, help="a route and round")
    parser.add_argument("--connections", type=int, default=32, help="kept alive; at least 2")
    parser.add_argument("--rounds", type=int, default=1, help="more than one: medians are printed")
    parser.add_argument("--workers", type=int, default=CORES, help="of each service; left out: one a core")
    parser.add_argument("--server", choices=["gunicorn", "granian"], default="gunicorn")
    return parser.parse_args()


def measure_routes(stage: Stage, options: Namespace) -> dict[str, Measurement]:
    """Return the result by route; the rounds go over all routes, so that a noisy minute hits all alike."""
    how = {"seconds": options.seconds, "connections": options.connections}
    measured: dict[str, list[Measurement]] = {}
    for route in stage.routes() * options.rounds:
        result = measure(route, server=[stage.services.pid("books")], database=stage.database, **how)
        measured.setdefault(route.name, []).append(result)
    return {name: summarize(results) for name, results in measured.items()}


@contextmanager
def staged(database: str, workers: int = CORES, server: str = "gunicorn") -> Iterator[Stage]:
    """Start the services, and PostgreSQL if that is the database, and fill a shelf."""
    with postgres_if(database) as postgres, running(postgres, workers=workers, server=server) as services:
        reader, writer = register(services.url), register(services.url)
        ids = [reader.add_book() for _ in range(SHELF)]
        yield Stage(services, [postgres.pid] if postgres else [], reader, writer, ids)


if __name__ == "__main__":
    sys.exit(main())

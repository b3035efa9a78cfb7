"""Loads both services as they run for real, and prints what an answer costs: `make bench`.

A pair is started on data of its own, once on SQLite and once on a private PostgreSQL server, and ended with
what it made. The database is shown apart where it has processes of its own; SQLite's work is the server's.

With `--serve FILE` nothing is loaded: the pair runs until Ctrl-C, and FILE is a target file for another load
tool, JSON with one member `project`:

    url             where the books service answers
    pid             the root of its tree of processes
    dbs             ["pg"] or ["sqlite"]
    token           of a user with exactly 20 books; good for 45 minutes, as every token
    writer_token    of another user, for the writes
    ids             of the 20 books
    auth_header, auth_prefix   how a token is sent
    paths           of `list`, `one` (with {id}) and `post`
    body            of `post`; {n} has to be another text in every request, for a shelf holds a book once
"""

import json
import os
import shutil
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, so that make and people need no -m
from tests.pair import SERVICES, Pair
from tests.people import Person, book, register
from tests.postgres_programs import NoPostgres
from tests.postgres_server import PostgresServer
from tools.load import Measurement, NoLoad, Route, measure, summarize, table

SHELF = 20  # books
CORES = len(os.sched_getaffinity(0))
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
TARGET_NAMES = {"sqlite": "sqlite", "postgresql": "pg"}


@dataclass(frozen=True)
class Stage:
    """A running pair with somebody to read and somebody to write."""

    pair: Pair
    database: int | None  # the process id of the database server, if there is one
    reader: Person
    writer: Person
    ids: Sequence[int]  # of the reader's books

    @property
    def server(self) -> int:
        """Return the process id of the master of the books service."""
        return self.pair.processes["books"].pid

    @property
    def body(self) -> str:
        """Return the body of a new book."""
        return json.dumps(book(name="Book {n}"))

    def routes(self) -> list[Route]:
        """Return what is measured."""
        url, reader, writer = self.pair.url("books"), self.reader.token, self.writer.token
        paths = [f"/books/{each}" for each in self.ids]
        return [
            Route(name=f"GET /books ({SHELF})", method="GET", url=url, paths=["/books"], token=reader),
            Route(name="GET /books/<id>", method="GET", url=url, paths=paths, token=reader),
            Route(name="POST /book", method="POST", url=url, paths=["/book"], token=writer, body=self.body),
        ]


def main() -> int:
    """Measure, or serve, what the command line asks for."""
    options = parse_options()
    if not options.serve and shutil.which("wrk") is None:
        return complain("wrk is missing: install it (on Debian the package wrk)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # TERM then tidies up as Ctrl-C does
    try:
        return serve(options) if options.serve else load(options)
    except (NoLoad, NoPostgres) as error:
        return complain(str(error))
    except KeyboardInterrupt:
        return 130


def parse_options() -> Namespace:
    parser = ArgumentParser(description="Load the books service with wrk and print what an answer costs.")
    parser.add_argument("--database", choices=NAMES, help="one of them; left out: both in turn")
    parser.add_argument("--seconds", type=int, default=10, help="a route and round")
    parser.add_argument("--connections", type=int, default=32, help="kept alive; at least 2")
    parser.add_argument("--rounds", type=int, default=1, help="more than one: medians are printed")
    parser.add_argument("--workers", type=int, default=CORES, help="of each service; left out: one a core")
    parser.add_argument(
        "--serve", type=Path, metavar="FILE", help="load nothing, write a target file and wait"
    )
    options = parser.parse_args()
    if options.serve and not options.database:
        parser.error("--serve needs --database")
    return options


def complain(message: str) -> int:
    print(f"make bench: {message}", file=sys.stderr)
    return 1


def load(options: Namespace) -> int:
    """Measure each database in turn; return the exit status, 1 if a request failed."""
    errors = 0
    for database in [options.database] if options.database else NAMES:
        with running(database, options.workers) as stage:
            results = measure_routes(stage, options)
        title = f"{NAMES[database]}, {options.workers} workers, {options.connections} connections"
        print(f"\n{title}\n{table(results)}", flush=True)
        errors += sum(result.errors for result in results.values())
    return 1 if errors else 0


def measure_routes(stage: Stage, options: Namespace) -> dict[str, Measurement]:
    """Return the result by route; the rounds go over all routes, so that a noisy minute hits all alike."""
    how = {"seconds": options.seconds, "connections": options.connections}
    measured: dict[str, list[Measurement]] = {}
    for route in stage.routes() * options.rounds:
        result = measure(route, server=stage.server, database=stage.database, **how)
        measured.setdefault(route.name, []).append(result)
    return {name: summarize(results) for name, results in measured.items()}


@contextmanager
def running(database: str, workers: int) -> Iterator[Stage]:
    """Start a pair, and PostgreSQL if it is wanted, on data that goes with them."""
    if database == "sqlite":
        with prepared({}, workers, None) as stage:
            yield stage
        return
    with TemporaryDirectory(prefix="bookstore-bench-") as folder:
        server = PostgresServer(Path(folder))
        try:
            server.start()
            urls = {service: server.create_database(service) for service in SERVICES}
            with prepared(urls, workers, server_id(server)) as stage:
                yield stage
        finally:
            server.kill()


@contextmanager
def prepared(urls: Mapping[str, str], workers: int, database: int | None) -> Iterator[Stage]:
    """Start a pair on databases by service (none: SQLite), and fill a shelf."""
    with (
        TemporaryDirectory(prefix="bookstore-bench-") as folder,
        Pair(Path(folder), databases=urls, cold=True, WEB_CONCURRENCY=str(workers)) as pair,
    ):
        pair.prepare().start()
        reader, writer = register(pair), register(pair)
        ids = [reader.add_book()["id"] for _ in range(SHELF)]
        yield Stage(pair, database, reader, writer, ids)


def server_id(server: PostgresServer) -> int:
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


def serve(options: Namespace) -> int:
    """Write the target file, and keep the pair running until Ctrl-C or TERM."""
    with running(options.database, options.workers) as stage:
        options.serve.write_text(json.dumps({"project": target(stage, options.database)}, indent=1))
        print(f"{stage.pair.url('books')} is described in {options.serve}; Ctrl-C stops it.", flush=True)
        signal.pause()
    return 0


def target(stage: Stage, database: str) -> dict[str, object]:
    """Return the members of a target; this module's text says what they are."""
    return {
        "url": stage.pair.url("books"),
        "pid": stage.server,
        "dbs": [TARGET_NAMES[database]],
        "token": stage.reader.token,
        "writer_token": stage.writer.token,
        "ids": list(stage.ids),
        "auth_header": "Authorization",
        "auth_prefix": "Bearer ",
        "paths": {"list": "/books", "one": "/books/{id}", "post": "/book"},
        "body": stage.body,
    }


if __name__ == "__main__":
    sys.exit(main())

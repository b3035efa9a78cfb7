"""Measures both services by the number of their replicas, in containers: `make bench-replicas`.

One, two and three of each run behind nginx, in rounds that take turns, so that a noisy minute hits all alike.
All of them, PostgreSQL and wrk share the cores of this machine. Images are built first; no data is left.
"""

import base64
import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from benchmarks.compose import Compose
from benchmarks.load import Measurement, Route, measure, summarize, table
from benchmarks.people import PASSWORD, Person, book, register

SIZES = (1, 2, 3)  # replicas of each service
PEOPLE = 64  # who log in and write: one name has ten logins at a time, one shelf one writer
SHELF = 20  # books
# Kept alive. Of more logins auth refuses some: at most 12 of a worker hash or wait, and those are counted
# that wrk gave up after it had warmed up.
CONNECTIONS = {"books": 32, "auth": 8}


def main() -> int:
    """Measure, print, and return the exit status: 1 if a request failed."""
    options = parse_options()
    with Compose("bookstore-bench", REGISTRATIONS_PER_HOUR="0") as stack:
        stack.run("build", "--quiet")
        stack.seconds_to_start()
        people = [register(stack.url) for _ in range(PEOPLE)]
        for _ in range(SHELF):
            people[0].add_book()
        results = measure_sizes(stack, people, options)
    print(f"`server` is the service's replicas and nginx\n{table(results)}")
    return 1 if any(result.errors for result in results.values()) else 0


def parse_options() -> Namespace:
    parser = ArgumentParser(description="Load one, two and three replicas of both services behind nginx.")
    parser.add_argument("--seconds", type=int, default=5, help="a route, number and round")
    parser.add_argument("--rounds", type=int, default=2, help="whose medians are printed")
    return parser.parse_args()


def measure_sizes(stack: Compose, people: list[Person], options: Namespace) -> dict[str, Measurement]:
    """Return the result by route and number of replicas."""
    measured: dict[str, list[Measurement]] = {}
    for turn in range(options.rounds):
        for size in SIZES[:: -1 if turn % 2 else 1]:
            stack.scale(size)
            for service, route in routes(stack, people):
                result = measure(
                    route,
                    seconds=options.seconds,
                    connections=CONNECTIONS[service],
                    server=stack.pids(service, "nginx"),
                    database=stack.pids("db"),
                )
                measured.setdefault(f"{route.name} x{size}", []).append(result)
    return {name: summarize(measured[name]) for name in sorted(measured)}


def routes(stack: Compose, people: list[Person]) -> list[tuple[str, Route]]:
    """Return what is measured, each with its service."""
    reads: dict[str, Any] = {"method": "GET", "url": stack.url("books"), "authorizations": [people[0].bearer]}
    writers = [person.bearer for person in people[1:]]
    writes = reads | {"method": "POST", "authorizations": writers, "body": json.dumps(book("Book {n}"))}
    logins: dict[str, Any] = {
        "method": "POST",
        "url": stack.url("auth"),
        "authorizations": list(map(basic, people)),
    }
    return [
        ("books", Route(name="GET /books", paths=["/books"], **reads)),
        ("books", Route(name="POST /book", paths=["/book"], **writes)),
        ("auth", Route(name="POST /login", paths=["/login"], **logins)),
    ]


def basic(person: Person) -> str:
    """Return the header `Authorization` of a login (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{person.name}:{PASSWORD}'.encode()).decode()}"


if __name__ == "__main__":
    sys.exit(main())

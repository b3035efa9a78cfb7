"""Compares the CPU of requests in two checkouts, in interleaved rounds: `make bench-compare BEFORE=...`.

The services of both run beside each other, each from its folder and its virtual environment, on a database of
their own; the one that is not asked costs nothing. What counts is the ratio of the medians.
"""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from benchmarks.load import processor_time
from benchmarks.people import TIMEOUT, Person, register
from benchmarks.services import DATABASES, ROOT, Services, postgres_if, running

SHELF = 20  # books
CLIENTS = 8

Send = Callable[[HTTPConnection, Person], None]


def main() -> int:
    """Measure each database in turn."""
    options = parse_options()
    for database in [options.database] if options.database else DATABASES:
        compare(database, options)
    return 0


def parse_options() -> Namespace:
    parser = ArgumentParser(description="Compare the CPU of requests in two checkouts.")
    parser.add_argument("--before", type=Path, required=True, help="a checkout with its virtual environment")
    parser.add_argument("--after", type=Path, default=ROOT, help="another; left out: this one")
    parser.add_argument("--database", choices=DATABASES, help="one of them; left out: both in turn")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5, help="a route, round and checkout")
    parser.add_argument("--workers", type=int, default=2, help="of each service")
    parser.add_argument("--server", choices=["gunicorn", "granian"], default="gunicorn", help="of --after")
    return parser.parse_args()


def compare(database: str, options: Namespace) -> None:
    """Print the medians of each route, before and after."""
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_if(database))
        sides = [
            stack.enter_context(
                running(postgres, checkout=path.resolve(), server=server, workers=options.workers)
            )
            for path, server in ((options.before, "gunicorn"), (options.after, options.server))
        ]
        people = [[new_reader(side) for _ in range(CLIENTS)] for side in sides]
        cost: dict[tuple[str, int], list[float]] = {}
        for turn in range(-1, options.rounds):  # the first warms up
            for route in ROUTES:
                for side in (0, 1) if turn % 2 else (1, 0):
                    spent = measure(route, sides[side], people[side], options.seconds)
                    cost.setdefault((route, side), []).extend([spent] * (turn >= 0))
    print(f"\n{DATABASES[database]}, us of the server's CPU a request")
    print(f"{'':16}{'before':>8}{'after':>8}{'times':>8}")
    for route in ROUTES:
        before, after = (median(cost[route, side]) for side in (0, 1))
        print(f"{route:16}{before:8.0f}{after:8.0f}{after / before:8.2f}", flush=True)


def new_reader(services: Services) -> Person:
    person = register(services.url)
    for _ in range(SHELF):
        person.add_book()
    return person


def measure(route: str, services: Services, people: list[Person], seconds: float) -> float:
    """Return what a request costs when all of these people send it for some seconds."""
    service, send = ROUTES[route]
    root, end = services.pid(service), time.monotonic() + seconds
    before = processor_time(root)
    with ThreadPoolExecutor(len(people)) as threads:
        counts = threads.map(lambda person: ask(send, services.url(service), person, end), people)
    return (processor_time(root) - before) / sum(counts) * 1e6


def ask(send: Send, url: str, person: Person, end: float) -> int:
    """Send requests over one connection until `end`, and return how many."""
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=TIMEOUT)) as connection:
        count = 0
        while time.monotonic() < end:
            send(connection, person)
            count += 1
    return count


def refresh(connection: HTTPConnection, person: Person) -> None:
    body = json.dumps({"refresh_token": person.refresh_token})
    connection.request("POST", "/refresh", body, {"Content-Type": "application/json"})
    person.refresh_token = json.loads(read(connection))["refresh_token"]


def read_shelf(connection: HTTPConnection, person: Person) -> None:
    connection.request("GET", "/books", headers={"Authorization": f"Bearer {person.token}"})
    read(connection)


def read(connection: HTTPConnection) -> bytes:
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{answer.status}: {body!r}")
    return body


ROUTES: Mapping[str, tuple[str, Send]] = {  # each with its service
    "POST /refresh": ("auth", refresh),
    "GET /books": ("books", read_shelf),
}

if __name__ == "__main__":
    sys.exit(main())

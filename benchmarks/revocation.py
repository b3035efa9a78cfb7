"""Measures how long books takes tokens of what auth has ended: `make bench-revocation`.

Sessions are logged out, users disabled and deleted, each followed by requests to books over new connections,
so that any of its workers may answer. What counts is the time from auth's answer to the first of `SURE`
refusals in a row.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import requests

from benchmarks.compose import REPLICAS, Compose
from benchmarks.people import TIMEOUT, Person, Url, register
from benchmarks.services import DATABASES, FOLLOWER, postgres_if, running

SURE = 16  # refusals in a row: one of four workers answers none of them once in a hundred times
GIVE_UP = 30.0  # seconds

End = Callable[[Person, Person], requests.Response]


class NotRefused(Exception):
    """A token was still accepted at the end of the time limit."""


def log_out(person: Person, _: Person) -> requests.Response:
    return person.request("POST", "auth", "/logout", json={"refresh_token": person.refresh_token})


def disable(person: Person, admin: Person) -> requests.Response:
    return admin.request("PATCH", "auth", f"/users/{person.public_id}", json={"disabled": True})


def delete(person: Person, admin: Person) -> requests.Response:
    return admin.request("DELETE", "auth", f"/users/{person.public_id}")


ENDS: Mapping[str, End] = {"logout": log_out, "disabled": disable, "deleted": delete}


def main() -> int:
    """Measure what the command line asks for; return 1 if something was not refused."""
    options = parse_options()
    try:
        for town in [options.town] if options.town else TOWNS:
            TOWNS[town](options)
    except NotRefused as error:
        print(f"make bench-revocation: {error}", file=sys.stderr)
        return 1
    return 0


def parse_options() -> Namespace:
    parser = ArgumentParser(description="Measure how long books takes tokens of what auth has ended.")
    parser.add_argument("--on", dest="town", choices=TOWNS, help="one of them; left out: all in turn")
    parser.add_argument("--end", choices=ENDS, help="one way; left out: all in turn")
    parser.add_argument("--count", type=int, default=200, help="of each way")
    parser.add_argument("--workers", type=int, default=4, help="of each service")
    return parser.parse_args()


def measure_database(database: str, options: Namespace) -> None:
    """Measure the services as `make run` runs them."""
    with postgres_if(database) as postgres, running(postgres, workers=options.workers) as services:
        services.start(FOLLOWER)
        admin = register(services.url)
        services.flask("auth", "users", "promote", admin.name)
        measure(f"{DATABASES[database]}, {options.workers} workers of books", services.url, admin, options)


def measure_compose(options: Namespace) -> None:
    """Measure containers: nginx in front of several replicas of each service."""
    with Compose("bookstore-bench-revocation") as stack:
        stack.run("build", "--quiet")
        scales = [word for name, count in REPLICAS.items() for word in ("--scale", f"{name}={count}")]
        stack.run("up", "--detach", "--wait", "--no-build", *scales)
        admin = register(stack.url)
        stack.run("exec", "-T", "auth", "flask", "--app", "auth_service", "users", "promote", admin.name)
        measure(f"docker compose, {REPLICAS['books']} replicas of books", stack.url, admin, options)


TOWNS: Mapping[str, Callable[[Namespace], None]] = {
    **{name: partial(measure_database, name) for name in DATABASES},
    "compose": measure_compose,
}


def measure(title: str, url: Url, admin: Person, options: Namespace) -> None:
    """Print the times of each way to end a session."""
    print(
        f"\n{title}, {options.count} times each\n{'':10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}", flush=True
    )
    for name in [options.end] if options.end else ENDS:
        times = [refused_after(url, ENDS[name], admin) for _ in range(options.count)]
        print(f"{name:10}" + "".join(f"{value * 1000:9.0f}" for value in summary(times)), flush=True)


def refused_after(url: Url, end: End, admin: Person) -> float:
    """Return the seconds from the end of a session to the first of only refusals."""
    person = register(url)
    person.add_book()
    end(person, admin)
    begun = time.monotonic()
    refusals: list[float] = []
    while len(refusals) < SURE:
        now = time.monotonic() - begun
        if now > GIVE_UP:
            raise NotRefused(f"a token is still taken after {now:.0f} s")
        refusals = [*refusals, now] if is_refused(person) else []
    return refusals[0]


def is_refused(person: Person) -> bool:
    headers = {"Authorization": f"Bearer {person.token}"}
    return requests.get(f"{person.url('books')}/books", headers=headers, timeout=TIMEOUT).status_code == 401


def summary(times: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the 99th percentile and the longest."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], ordered[-1]


if __name__ == "__main__":
    sys.exit(main())

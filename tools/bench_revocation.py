"""Measures how long books takes tokens of what auth has ended: `make bench-revocation`.

Sessions are logged out, users disabled and deleted, each followed by requests to books over new connections,
so that any of its workers may answer. What counts is the time from auth's answer to the first of `SURE`
refusals in a row.
"""

import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, so that make and people need no -m
from tests.e2e.edge import SIZE, start_with_edge
from tests.e2e.stack import Stack, clone, remove_images
from tests.pair import FOLLOWER, SERVICES, Pair
from tests.people import Person, register, register_admin
from tests.postgres_programs import NoPostgres
from tools.bench import NAMES, running

SURE = 16  # refusals in a row: one of four workers answers none of them once in a hundred times
GIVE_UP = 30.0  # seconds
TIMEOUT = 30  # seconds for an answer

End = Callable[[Person, Person], requests.Response]


class NotRefused(Exception):
    """A token was still taken when nobody wants to wait any longer."""


def log_out(person: Person, _: Person) -> requests.Response:
    body = {"refresh_token": person.refresh_token}
    return requests.post(person.pair.url("auth") + "/logout", json=body, timeout=TIMEOUT)


def disable(person: Person, admin: Person) -> requests.Response:
    return admin.request("PATCH", "auth", f"/users/{person.public_id}", json={"disabled": True})


def delete(person: Person, admin: Person) -> requests.Response:
    return admin.delete(f"/users/{person.public_id}", service="auth")


ENDS: Mapping[str, End] = {"logout": log_out, "disabled": disable, "deleted": delete}


def main() -> int:
    """Measure what the command line asks for; return 1 if something was not refused."""
    options = parse_options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # TERM then tidies up as Ctrl-C does
    try:
        for town in [options.town] if options.town else TOWNS:
            TOWNS[town](options)
    except (NotRefused, NoPostgres) as error:
        print(f"make bench-revocation: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
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
    with running(database, options.workers) as stage:
        pair = stage.pair.start(FOLLOWER)
        title = f"{NAMES[database]}, {options.workers} workers of books"
        measure(title, pair, register_admin(pair), options)


def measure_stack(options: Namespace) -> None:
    """Measure containers: nginx in front of three replicas of books and two of auth."""
    with TemporaryDirectory() as folder:
        images = {f"{service.upper()}_IMAGE": f"bookstore-{service}:bench-revocation" for service in SERVICES}
        stack = Stack(clone(Path(folder)), COMPOSE_PROFILES="edge", **images)
        try:
            stack.compose("build", "--quiet")
            admin = start_with_edge(stack).register()
            stack.execute("auth", "flask", "--app=auth_service", "users", "promote", admin.name)
            measure(f"docker compose, {SIZE['books']} replicas of books", stack, admin, options)
        finally:
            stack.down()
            remove_images(images)


TOWNS: Mapping[str, Callable[[Namespace], None]] = {
    **{name: partial(measure_database, name) for name in NAMES},
    "compose": measure_stack,
}


def measure(title: str, town: Pair | Stack, admin: Person, options: Namespace) -> None:
    """Print the times of each way to end a session."""
    print(
        f"\n{title}, {options.count} times each\n{'':10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}", flush=True
    )
    for name in [options.end] if options.end else ENDS:
        times = [refused_after(town, ENDS[name], admin) for _ in range(options.count)]
        print(f"{name:10}" + "".join(f"{value * 1000:9.0f}" for value in summary(times)), flush=True)


def refused_after(town: Pair | Stack, end: End, admin: Person) -> float:
    """Return the seconds from the end of a session to the first of only refusals."""
    person = town.register() if isinstance(town, Stack) else register(town)
    person.add_book()
    end(person, admin).raise_for_status()
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
    return (
        requests.get(person.pair.url("books") + "/books", headers=headers, timeout=TIMEOUT).status_code == 401
    )


def summary(times: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the 99th percentile and the longest."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], ordered[-1]


if __name__ == "__main__":
    sys.exit(main())

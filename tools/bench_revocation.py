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
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, so that make and people need no -m
from tests.pair import FOLLOWER, Pair
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
        for database in [options.database] if options.database else NAMES:
            measure(database, options)
    except (NotRefused, NoPostgres) as error:
        print(f"make bench-revocation: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parse_options() -> Namespace:
    parser = ArgumentParser(description="Measure how long books takes tokens of what auth has ended.")
    parser.add_argument("--database", choices=NAMES, help="one of them; left out: both in turn")
    parser.add_argument("--end", choices=ENDS, help="one way; left out: all in turn")
    parser.add_argument("--count", type=int, default=200, help="of each way")
    parser.add_argument("--workers", type=int, default=4, help="of each service")
    return parser.parse_args()


def measure(database: str, options: Namespace) -> None:
    """Print the times of one database."""
    with running(database, options.workers) as stage:
        stage.pair.start(FOLLOWER)
        admin = register_admin(stage.pair)
        print(
            f"\n{NAMES[database]}, {options.workers} workers of books, {options.count} times each", flush=True
        )
        print(f"{'':10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}", flush=True)
        for name in [options.end] if options.end else ENDS:
            times = [refused_after(stage.pair, ENDS[name], admin) for _ in range(options.count)]
            print(f"{name:10}" + "".join(f"{value * 1000:9.0f}" for value in summary(times)), flush=True)


def refused_after(pair: Pair, end: End, admin: Person) -> float:
    """Return the seconds from the end of a session to the first of only refusals."""
    person = register(pair)
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

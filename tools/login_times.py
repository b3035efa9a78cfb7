"""Measures whether a failed login tells by its time if the name exists, and prints both medians.

Logins for unknown names and with wrong passwords take turns, in random order within each turn, against a
running pair on data of its own. Each comes from another address and no name is tried often, so that no limit
gets in the way. The exit status is 1 if the medians differ by 10 % or more.
"""

import random
import secrets
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, so that people need no -m
from tests.pair import SERVICES, Pair
from tests.people import new_name, register
from tests.postgres_server import PostgresServer

OF_A_NAME = 4  # tries, of which the fifth would start a wait if they came from one address
ALLOWED = 0.10  # of the difference between the medians, as a part of the smaller one
FIRST_ADDRESS = int(IPv4Address("10.0.0.1"))


def main() -> int:
    """Measure on each database; return the exit status."""
    parser = ArgumentParser(description="Compare the times of logins for unknown names and wrong passwords.")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="one of them; left out: both")
    parser.add_argument("--logins", type=int, default=200, help="of each kind")
    options = parser.parse_args()
    databases = [options.database] if options.database else ["sqlite", "postgresql"]
    return max(report(database, options.logins) for database in databases)


def report(database: str, logins: int) -> int:
    """Print one line for a database; return 1 if the kinds of login can be told apart."""
    with running(database) as pair:
        unknown, wrong = measure(pair, logins)
    difference = abs(median(unknown) - median(wrong)) / min(median(unknown), median(wrong))
    print(
        f"{database}: unknown name {described(unknown)}, wrong password {described(wrong)},"
        f" medians differ by {difference:.1%}",
        flush=True,
    )
    return int(difference >= ALLOWED)


def described(seconds: list[float]) -> str:
    low, middle, high = (1000 * each for each in quantiles(seconds, n=4))
    return f"{middle:.2f} ms ({low:.2f} to {high:.2f})"


def measure(pair: Pair, logins: int) -> tuple[list[float], list[float]]:
    """Return the seconds of logins for unknown names, and of those with wrong passwords."""
    users = [register(pair).name for _ in range(-(-logins // OF_A_NAME))]
    others = [new_name() for _ in users]
    taken: dict[bool, list[float]] = {False: [], True: []}
    addresses = iter(range(FIRST_ADDRESS, FIRST_ADDRESS + 2 * logins + 2))
    with requests.Session() as session:
        for number in range(logins):
            kinds = [(False, others[number // OF_A_NAME]), (True, users[number // OF_A_NAME])]
            for is_known, name in random.sample(kinds, 2):
                taken[is_known].append(log_in(pair, session, name, next(addresses)))
    return taken[False], taken[True]


def log_in(pair: Pair, session: requests.Session, name: str, address: int) -> float:
    """Log in with a wrong password from an address, and return the seconds that it took."""
    headers = {"X-Forwarded-For": str(IPv4Address(address))}
    started = time.perf_counter()
    answer = session.post(
        pair.url("auth") + "/login", auth=(name, secrets.token_hex(8)), headers=headers, timeout=30
    )
    seconds = time.perf_counter() - started
    if answer.status_code != 401:
        raise SystemExit(f"a login was answered {answer.status_code}: {answer.text}")
    return seconds


@contextmanager
def running(database: str) -> Iterator[Pair]:
    """Start auth on data that goes with it."""
    with TemporaryDirectory(prefix="bookstore-logins-") as folder:
        server = PostgresServer(Path(folder) / "postgres")
        urls = {}
        try:
            if database == "postgresql":
                server.folder.mkdir()
                Path(folder).chmod(0o711)  # the server may run as another user
                server.start()
                urls = {service: server.create_database(service) for service in SERVICES}
            with Pair(Path(folder) / "data", databases=urls, TRUSTED_PROXIES="127.0.0.1") as pair:
                yield pair.prepare().start("auth")
        finally:
            server.kill()


if __name__ == "__main__":
    sys.exit(main())

"""Measures whether the time of a failed login reveals if the name exists, and prints the medians.

Logins for unknown names, with wrong passwords, and with wrong passwords against hashes of long ago take
turns, in random order within each turn, against a running pair on data of its own. Each comes from another
address and no name is tried often, so that no limit gets in the way. The exit status is 1 if two medians
differ by 10 % or more.
"""

import random
import secrets
import sys
import time
from argparse import ArgumentParser
from ipaddress import IPv4Address
from statistics import median, quantiles

import requests
from argon2 import PasswordHasher
from sqlalchemy import NullPool, create_engine, update

from auth_service.models import User
from benchmarks.people import PASSWORD, TIMEOUT, new_name, register
from benchmarks.services import DATABASES, Services, postgres_if, running

OF_A_NAME = 4  # tries, of which the fifth would start a wait if they came from one address
ALLOWED = 0.10  # of the difference between the medians, as a part of the smaller one
WEAK = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
KINDS = ("unknown name", "wrong password", "old hash")
FIRST_ADDRESS = int(IPv4Address("10.0.0.1"))


def main() -> int:
    """Measure on each database; return the exit status."""
    parser = ArgumentParser(description="Compare the times of logins for unknown names and wrong passwords.")
    parser.add_argument("--database", choices=DATABASES, help="one of them; left out: both")
    parser.add_argument("--logins", type=int, default=200, help="of each kind")
    options = parser.parse_args()
    databases = [options.database] if options.database else list(DATABASES)
    return max(report(database, options.logins) for database in databases)


def report(database: str, logins: int) -> int:
    """Print one line for a database; return 1 if the times reveal the kind of login."""
    with postgres_if(database) as postgres, running(postgres, TRUSTED_PROXIES="127.0.0.1") as services:
        taken = measure(services, logins)
    medians = [median(seconds) for seconds in taken.values()]
    difference = (max(medians) - min(medians)) / min(medians)
    times = ", ".join(f"{kind} {described(seconds)}" for kind, seconds in taken.items())
    print(f"{database}: {times}, medians differ by {difference:.1%}", flush=True)
    return int(difference >= ALLOWED)


def described(seconds: list[float]) -> str:
    low, middle, high = (1000 * each for each in quantiles(seconds, n=4))
    return f"{middle:.2f} ms ({low:.2f} to {high:.2f})"


def measure(services: Services, logins: int) -> dict[str, list[float]]:
    """Return the seconds of logins of each kind."""
    count = -(-logins // OF_A_NAME)
    names = dict(zip(KINDS, (unknown(count), known(services, count), weak(services, count)), strict=True))
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    addresses = iter(range(FIRST_ADDRESS, FIRST_ADDRESS + len(KINDS) * logins))
    with requests.Session() as session:
        for number in range(logins):
            for kind in random.sample(KINDS, len(KINDS)):
                name = names[kind][number // OF_A_NAME]
                taken[kind].append(log_in(services, session, name, next(addresses)))
    return taken


def unknown(count: int) -> list[str]:
    return [new_name() for _ in range(count)]


def known(services: Services, count: int) -> list[str]:
    return [register(services.url).name for _ in range(count)]


def weak(services: Services, count: int) -> list[str]:
    """Return the names of users whose passwords were hashed long ago, with less work."""
    people, old = [register(services.url) for _ in range(count)], WEAK.hash(PASSWORD)
    ids = [person.public_id for person in people]
    with create_engine(services.database_urls["auth"], poolclass=NullPool).begin() as connection:
        connection.execute(update(User).where(User.public_id.in_(ids)).values(password_hash=old))
    return [person.name for person in people]


def log_in(services: Services, session: requests.Session, name: str, address: int) -> float:
    """Log in with a wrong password from an address, and return the seconds that it took."""
    headers = {"X-Forwarded-For": str(IPv4Address(address))}
    started = time.perf_counter()
    answer = session.post(
        services.url("auth") + "/login", auth=(name, secrets.token_hex(8)), headers=headers, timeout=TIMEOUT
    )
    seconds = time.perf_counter() - started
    if answer.status_code != 401:
        raise SystemExit(f"a login was answered {answer.status_code}: {answer.text}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())

"""Many clients at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

from tests import api
from tests.served import ServedPair

TIME_TO_REFUSE = 5  # seconds for a 503 because of the database, as docs/errors.md promises


@dataclass(frozen=True)
class Call:
    """A request, and the status of its answer while all is well."""

    status: int
    send: Callable[[], requests.Response]


def all_at_once(calls: Sequence[Call]) -> list[requests.Response]:
    """Send all requests at the same time; return the answers in their order."""
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: call.send(), calls))


def metric(pair: ServedPair, service: str, beginning: str) -> float:
    """Return the value of the one number of a service whose line begins so."""
    page = api.get(f"http://127.0.0.1:{pair.metrics_ports[service]}/metrics")
    (line,) = [line for line in page.text.splitlines() if line.startswith(beginning)]
    return float(line.split()[-1])

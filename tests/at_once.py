"""Many clients that ask at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import requests

from tests import api

Ask = Callable[[requests.Session, int], requests.Response]


def at_once(count: int, url: str, ask: Ask) -> list[requests.Response]:
    """Ask `count` times at once, each over an open connection; return the answers."""
    barrier = Barrier(count)

    def one(number: int) -> requests.Response:
        with api.new_session() as session:
            session.get(f"{url}/healthz", timeout=30)
            barrier.wait(timeout=60)
            return ask(session, number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))

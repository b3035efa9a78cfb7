"""How a test waits for what another process does."""

import time
from collections.abc import Callable

WAIT = 30  # seconds for anything to happen, on a busy machine


def wait_until(done: Callable[[], object], what: str) -> None:
    """Return once `done()` is true; fail if that takes too long."""
    deadline = time.monotonic() + WAIT
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.03)

"""Waiting for what is to come true sooner or later."""

import time
from collections.abc import Callable

TIME = 60  # seconds for anything to come true, on a busy machine
POLL = 0.02  # seconds


def wait_until(
    condition: Callable[[], object], what: str, *, deadline: float | None = None, poll: float = POLL
) -> None:
    """Wait until the condition holds; fail, saying what is wrong, at the deadline (of `time.monotonic`)."""
    if deadline is None:
        deadline = time.monotonic() + TIME
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(poll)

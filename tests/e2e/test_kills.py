"""kill -9 of what the stack is made of, under load: it comes back by itself and has lost nothing."""

import os
import signal
import time
from collections.abc import Callable, Sized

import psutil
import pytest

from tests.e2e.load import Newcomers
from tests.e2e.stack import Stack
from tests.pair import SERVICES
from tests.resilience.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.compose

BACK = 15  # seconds from a kill until everything is healthy
PROGRESS = 30  # seconds for the load to be served once more, on a busy machine


def wait_for_more(promised: Sized) -> None:
    """Wait until a service has gone on promising things."""
    enough, deadline = len(promised) + 5, time.monotonic() + PROGRESS
    wait_until(lambda: len(promised) >= enough, "nothing more was promised", deadline=deadline)


def init_of(stack: Stack, service: str) -> int:
    """Return the process that the engine started, of this machine's."""
    return stack.main_process(service)


def server_of(stack: Stack, service: str) -> int:
    """Return the process that the init started: the head of gunicorn or PostgreSQL."""
    (child,) = psutil.Process(stack.main_process(service)).children()
    return child.pid


def kill(stack: Stack, service: str, victim: Callable[[Stack, str], int]) -> None:
    """Kill a process of a container from outside, and wait until everything is healthy."""
    before = stack.main_process(service)
    os.kill(victim(stack, service), signal.SIGKILL)
    deadline = time.monotonic() + BACK
    wait_until(lambda: stack.main_process(service) not in (before, 0), "not restarted", deadline=deadline)
    stack.wait_healthy(within=deadline - time.monotonic())
    wait_until(lambda: all(map(stack.is_ready, SERVICES)), "not ready", deadline=deadline)


@pytest.mark.parametrize(("service", "victim"), [("auth", init_of), ("books", server_of), ("db", server_of)])
def test_what_is_killed_comes_back_and_takes_nothing_promised_with_it(
    stack: Stack, service: str, victim: Callable[[Stack, str], int]
) -> None:
    with Writers(stack.register(), count=4, patient=True) as writers, Newcomers(stack) as newcomers:
        wait_for_more(writers.promised)
        wait_for_more(newcomers.promised)
        kill(stack, service, victim)
        wait_for_more(writers.promised)
        wait_for_more(newcomers.promised)

    assert set(writers.statuses) - ({503} if service in ("books", "db") else set()) == {200, 201}
    assert set(newcomers.statuses) - ({503} if service in ("auth", "db") else set()) == {201}
    assert writers.lost() == set()
    assert newcomers.lost() == []
    assert (writers.broken, writers.refused, newcomers.broken) == ([], 0, 0), "nginx was not killed"

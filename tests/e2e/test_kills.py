"""kill -9 of what the stack is made of, under load: it comes back by itself and has lost nothing."""

import os
import signal
from collections.abc import Callable, Sized

import psutil
import pytest

from tests.e2e.load import Newcomers
from tests.e2e.stack import POLL, Stack
from tests.feed.ends import leave
from tests.pair import SERVICES
from tests.people import Person
from tests.resilience.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.compose

CLIENTS = 2  # of each service


def wait_for_more(promised: Sized) -> None:
    """Wait until a service has gone on promising things."""
    enough = len(promised) + 5
    wait_until(lambda: len(promised) >= enough, "nothing more was promised")


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
    wait_until(lambda: stack.main_process(service) not in (before, 0), "not restarted", poll=POLL)
    stack.wait_healthy()
    wait_until(lambda: all(map(stack.is_ready, SERVICES)), "not ready", poll=POLL)


@pytest.mark.parametrize(("service", "victim"), [("auth", init_of), ("books", server_of), ("db", server_of)])
def test_what_is_killed_comes_back_and_takes_nothing_promised_with_it(
    stack: Stack, service: str, victim: Callable[[Stack, str], int]
) -> None:
    with Writers(stack.register(), count=CLIENTS, patient=True) as writers, Newcomers(stack) as newcomers:
        wait_for_more(writers.promised)
        wait_for_more(newcomers.promised)
        kill(stack, service, victim)
        wait_for_more(writers.promised)
        wait_for_more(newcomers.promised)

    assert set(writers.statuses) - ({503} if service in ("books", "db") else set()) == {200, 201}
    assert set(newcomers.statuses) - ({503} if service in ("auth", "db") else set()) == {201}
    assert writers.lost() == set()
    assert newcomers.lost() == []
    assert writers.refused == 0, "nginx was not killed"
    # Nginx may have passed on the head of an answer whose body did not come.
    assert max(len(writers.broken), newcomers.broken) <= CLIENTS, writers.broken


def test_a_killed_follower_comes_back_and_misses_nothing(stack: Stack) -> None:
    before, after = [[stack.register() for _ in range(3)] for _ in range(2)]
    for person in before + after:
        person.add_book()
    heard = int(stack.sql("books", "SELECT users_deleted FROM feed"))

    with Writers(stack.register(), count=2, patient=True) as writers:
        wait_for_more(writers.promised)
        for person in before:
            leave(person)
        kill(stack, "follower", init_of)
        for person in after:
            leave(person)
        wait_until(lambda: books_of(stack, before + after) == 0, "books of deleted users are left", poll=POLL)

    assert int(stack.sql("books", "SELECT users_deleted FROM feed")) == heard + len(before + after)
    assert set(writers.statuses) == {200, 201}
    assert (writers.broken, writers.refused, writers.lost()) == ([], 0, set())


def books_of(stack: Stack, people: list[Person]) -> int:
    owners = ", ".join(f"'{person.public_id}'" for person in people)
    return int(stack.sql("books", f"SELECT count(*) FROM books WHERE owner IN ({owners})"))  # noqa: S608 - ids of ours

"""kill -9 of what the stack is made of, under load: it comes back by itself and has lost nothing."""

import os
import signal
from collections.abc import Callable, Mapping, Sized
from operator import ge

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
Victim = Callable[[Stack, str], int]


def init_of(stack: Stack, service: str) -> int:
    """Return the process that the engine started, of this machine's."""
    return stack.main_process(service)


def server_of(stack: Stack, service: str) -> int:
    """Return the process that the init started: the head of gunicorn or PostgreSQL."""
    (child,) = psutil.Process(stack.main_process(service)).children()
    return child.pid


def kill(stack: Stack, **victims: Victim) -> None:
    """Kill a process of each container from outside, and wait until everything is healthy."""
    before = {service: stack.main_process(service) for service in victims}
    for number in [victim(stack, service) for service, victim in victims.items()]:
        os.kill(number, signal.SIGKILL)

    def are_restarted() -> bool:
        return all(stack.main_process(service) not in (old, 0) for service, old in before.items())

    wait_until(are_restarted, "not restarted", poll=POLL)
    stack.wait_healthy()
    wait_until(lambda: all(map(stack.is_ready, SERVICES)), "not ready", poll=POLL)


def wait_for_more(*promised: Sized) -> None:
    """Wait until each service has gone on promising things."""
    enough = [len(each) + 5 for each in promised]
    wait_until(lambda: all(map(ge, map(len, promised), enough)), "nothing more was promised")


@pytest.mark.parametrize("victims", [{"auth": init_of, "books": server_of}, {"db": server_of}])
def test_what_is_killed_comes_back_and_takes_nothing_promised_with_it(
    stack: Stack, victims: Mapping[str, Victim]
) -> None:
    with Writers(stack.register(), count=CLIENTS, patient=True) as writers, Newcomers(stack) as newcomers:
        wait_for_more(writers.promised, newcomers.promised)
        kill(stack, **victims)
        wait_for_more(writers.promised, newcomers.promised)

    assert writers.statuses.keys() - {503} == {200, 201}
    assert newcomers.statuses.keys() - {503} == {201}
    assert (writers.lost(), newcomers.lost()) == (set(), [])
    assert writers.refused == 0, "nginx was not killed"
    # Nginx may have passed on the head of an answer whose body did not come.
    assert max(len(writers.broken), newcomers.broken) <= CLIENTS, writers.broken


def test_a_killed_follower_comes_back_and_misses_nothing(stack: Stack) -> None:
    before, after = [[stack.register() for _ in range(2)] for _ in range(2)]
    for person in before + after:
        person.add_book()
    heard = int(stack.sql("books", "SELECT users_deleted FROM feed"))

    with Writers(stack.register(), count=CLIENTS, patient=True) as writers:
        wait_for_more(writers.promised)
        for person in before:
            leave(person)
        kill(stack, follower=init_of)
        for person in after:
            leave(person)
        wait_until(lambda: books_of(stack, before + after) == 0, "books of deleted users are left", poll=POLL)

    assert int(stack.sql("books", "SELECT users_deleted FROM feed")) == heard + len(before + after)
    assert writers.statuses.keys() == {200, 201}
    assert (writers.broken, writers.refused, writers.lost()) == ([], 0, set())


def books_of(stack: Stack, people: list[Person]) -> int:
    owners = ", ".join(f"'{person.public_id}'" for person in people)
    return int(stack.sql("books", f"SELECT count(*) FROM books WHERE owner IN ({owners})"))  # noqa: S608 - ids of ours

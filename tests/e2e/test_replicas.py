"""Several replicas of books behind nginx: who asks sees one service, whatever happens behind."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.load import Newcomers
from tests.e2e.stack import POLL, Stack, docker, inspect, interrupt
from tests.resilience.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.compose

SIZE = {"auth": 1, "books": 2}  # replicas of each service
OLD = {"THREADS": "32"}  # a setting of the replicas that were added, and not of the stack


@pytest.fixture(scope="module")
def replicated(stack: Stack) -> Iterator[Stack]:
    """The shared stack with several replicas of books; tests leave it running and healthy."""
    more = ["--no-deps", "--no-recreate", "--scale", f"books={SIZE['books']}"]
    yield stack.up(*more, "auth", "books", **OLD)
    stack.up("--no-deps", "--scale", "books=1", "auth", "books")


def test_a_rolling_restart_replaces_everything_and_fails_no_request(replicated: Stack) -> None:
    before = {service: replicas(replicated, service) for service in SIZE}
    assert "THREADS=32" in str(replicated.containers())
    by_hand = replicated.compose("run", "--detach", "--rm", "--no-deps", "books", "sleep", "infinity")
    with Writers(replicated.register(), count=2) as writers, Newcomers(replicated, count=1) as newcomers:
        wait_for_promises(writers)
        status, output = replicated.run_script("rolling-restart")
        wait_for_promises(writers)

    assert status == 0, output
    after = {service: replicas(replicated, service) for service in SIZE}
    assert {service: len(found - before[service]) for service, found in after.items()} == SIZE
    assert {service: len(found) for service, found in after.items()} == SIZE
    assert "THREADS=32" not in str(replicated.containers())
    assert [found["State"]["Status"] for found in inspect("container", by_hand)] == ["running"]
    docker("rm", "--force", by_hand)
    assert failures(writers) == 0, (writers.statuses, writers.broken)
    assert (set(newcomers.statuses), newcomers.broken) == ({201}, 0)
    assert (writers.lost(), newcomers.lost()) == (set(), [])


def test_replicas_share_what_is_asked_and_one_that_is_killed_takes_its_own_alone(
    replicated: Stack,
) -> None:
    clients = 4
    victim = replicated.containers("books")[0]["State"]["Pid"]
    with Writers(replicated.register(), count=clients) as writers:
        wait_for_promises(writers)
        asked = {line.split("|")[0] for line in replicated.logs("books").splitlines() if '"/books' in line}
        os.kill(victim, signal.SIGKILL)
        wait_for_promises(writers)
        wait_until(lambda: victim not in pids(replicated), "the engine has not seen it", poll=POLL)
        replicated.wait_healthy("books")
        wait_for_promises(writers)

    assert len(asked) == SIZE["books"]
    assert failures(writers) <= clients, (writers.statuses, writers.broken)
    assert set(writers.statuses) <= {200, 201, 503}
    assert writers.lost() == set()
    assert len(pids(replicated)) == SIZE["books"]


def pids(stack: Stack) -> set[int]:
    return {container["State"]["Pid"] for container in stack.containers("books")}


def test_an_interrupted_rolling_restart_leaves_as_many_as_there_were(replicated: Stack) -> None:
    before = replicas(replicated, "auth")
    restart = replicated.start_script("rolling-restart")
    wait_until(lambda: len(replicas(replicated, "auth")) > SIZE["auth"], "it did not begin", poll=POLL)
    status, output = interrupt(restart)

    assert status != 0, output
    assert replicas(replicated, "auth") == before
    replicated.wait_healthy()


def replicas(stack: Stack, service: str) -> set[str]:
    """Return the containers of a service, ended ones too."""
    return {container["Id"] for container in stack.containers(service, ended=True)}


def wait_for_promises(writers: Writers) -> None:
    """Wait until some more books were promised."""
    enough = len(writers.promised) + 20
    wait_until(lambda: len(writers.promised) >= enough, "nothing more was promised")


def failures(writers: Writers) -> int:
    """Return how many requests were not answered as they are when all is well."""
    served = writers.statuses[200] + writers.statuses[201]
    return writers.statuses.total() - served + len(writers.broken) + writers.refused

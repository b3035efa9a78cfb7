"""Several replicas of books behind nginx: who asks sees one service, whatever happens behind."""

import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.load import Newcomers
from tests.e2e.nginx import log_lines
from tests.e2e.scripts import interrupt, run, start
from tests.e2e.stack import POLL, Stack, docker, inspect
from tests.feed.ends import log_out, refused_everywhere
from tests.resilience.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.compose

SIZE = {"auth": 1, "books": 2}  # replicas of each service
OLD = "THREADS=32"  # a setting of the replicas that were added, and not of the stack


@pytest.fixture(scope="module")
def replicated(stack: Stack) -> Iterator[Stack]:
    """The shared stack with several replicas of books; tests leave it running and healthy."""
    name, value = OLD.split("=")
    stack.environment[name] = value
    stack.up("--no-recreate", "--scale", f"books={SIZE['books']}")
    del stack.environment[name]
    yield stack
    stack.up()


def test_the_replicas_share_the_requests(replicated: Stack) -> None:
    reader = replicated.register()
    mark = secrets.token_hex(8)
    for number in range(60):
        headers = {"Authorization": f"Bearer {reader.token}", "X-Request-ID": f"{mark}-{number}"}
        assert reader.get("/books", headers=headers).headers["X-Request-ID"] == headers["X-Request-ID"]

    served = Counter(name for name, _ in log_lines(replicated, "books", mark))

    assert served.total() == 60
    assert len(served) == SIZE["books"]


def test_what_has_ended_is_refused_by_every_replica(replicated: Stack) -> None:
    person = replicated.register()
    assert person.add_book()

    log_out(person)

    wait_until(lambda: refused_everywhere(person), "a replica has not heard of it")


def test_a_rolling_restart_replaces_everything_and_fails_no_request(replicated: Stack) -> None:
    before = {service: replicas(replicated, service) for service in SIZE}
    assert has_old_setting(replicated)
    by_hand = replicated.compose("run", "--detach", "--rm", "--no-deps", "books", "sleep", "infinity")
    with Writers(replicated.register(), count=3) as writers, Newcomers(replicated) as newcomers:
        wait_for_promises(writers)
        status, output = run(replicated, "rolling-restart")
        wait_for_promises(writers)

    assert status == 0, output
    after = {service: replicas(replicated, service) for service in SIZE}
    assert {service: len(found) for service, found in after.items()} == SIZE
    assert [after[service] & before[service] for service in SIZE] == [set(), set()]
    assert not has_old_setting(replicated)
    assert [found["State"]["Status"] for found in inspect("container", by_hand)] == ["running"]
    docker("rm", "--force", by_hand)
    assert failures(writers) == 0, (writers.statuses, writers.broken)
    assert (set(newcomers.statuses), newcomers.broken) == ({201}, 0)
    assert (writers.lost(), newcomers.lost()) == (set(), [])


def has_old_setting(stack: Stack) -> bool:
    return any(OLD in found["Config"]["Env"] for found in stack.containers())


def test_a_killed_replica_takes_no_more_than_what_it_was_asked(replicated: Stack) -> None:
    clients = 4
    victim = replicated.containers("books")[0]["State"]["Pid"]
    with Writers(replicated.register(), count=clients) as writers:
        wait_for_promises(writers)
        os.kill(victim, signal.SIGKILL)
        wait_for_promises(writers)
        wait_until(lambda: victim not in pids(replicated), "the engine has not seen it", poll=POLL)
        replicated.wait_healthy("books")
        wait_for_promises(writers)

    assert failures(writers) <= clients, (writers.statuses, writers.broken)
    assert set(writers.statuses) <= {200, 201, 503}
    assert writers.lost() == set()
    assert len(pids(replicated)) == SIZE["books"]


def pids(stack: Stack) -> set[int]:
    return {container["State"]["Pid"] for container in stack.containers("books")}


def test_an_interrupted_rolling_restart_leaves_as_many_as_there_were(replicated: Stack) -> None:
    before = replicas(replicated, "auth")
    restart = start(replicated, "rolling-restart")
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

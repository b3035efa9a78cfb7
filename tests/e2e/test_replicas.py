"""Several replicas of each service behind nginx: who asks sees two services, whatever happens behind."""

import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.load import Newcomers
from tests.e2e.replicas import SIZE, failures, log_lines, replicas, scale_out, wait_for_promises
from tests.e2e.scripts import interrupt, run, start
from tests.e2e.stack import Stack, docker, inspect
from tests.resilience.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.compose


@pytest.fixture(scope="module")
def replicated(stack: Stack) -> Iterator[Stack]:
    """The shared stack with several replicas of each service; tests leave it running and healthy."""
    yield scale_out(stack)
    stack.up()


def test_a_service_is_scaled_out_without_a_setting(replicated: Stack) -> None:
    assert {service: len(replicas(replicated, service)) for service in SIZE} == SIZE


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

    logout = person.post("/logout", {"refresh_token": person.refresh_token}, "auth")

    assert logout.status_code == 200
    wait_until(
        lambda: {person.get("/books").status_code for _ in range(4 * SIZE["books"])} == {401},
        "a replica has not heard of it",
    )


def test_a_rolling_restart_replaces_everything_and_fails_no_request(replicated: Stack) -> None:
    before = {service: replicas(replicated, service) for service in SIZE}
    by_hand = replicated.compose("run", "--detach", "--rm", "--no-deps", "books", "sleep", "infinity")
    with Writers(replicated.register(), count=6) as writers, Newcomers(replicated) as newcomers:
        wait_for_promises(writers)
        status, output = run(replicated, "rolling-restart", THREADS="32")
        wait_for_promises(writers)

    assert status == 0, output
    after = {service: replicas(replicated, service) for service in SIZE}
    assert {service: len(found) for service, found in after.items()} == SIZE
    assert [after[service] & before[service] for service in SIZE] == [set(), set()]
    assert all("THREADS=32" in found["Config"]["Env"] for found in replicated.containers(*SIZE))
    assert [found["State"]["Status"] for found in inspect("container", by_hand)] == ["running"]
    docker("rm", "--force", by_hand)
    assert failures(writers) == 0, (writers.statuses, writers.broken)
    assert (set(newcomers.statuses), newcomers.broken) == ({201}, 0)
    assert (writers.lost(), newcomers.lost()) == (set(), [])


def test_a_killed_replica_takes_no_more_than_what_it_was_asked(replicated: Stack) -> None:
    clients = 6
    victim = replicated.containers("books")[0]["State"]["Pid"]
    with Writers(replicated.register(), count=clients) as writers:
        wait_for_promises(writers)
        os.kill(victim, signal.SIGKILL)
        wait_for_promises(writers)
        wait_until(lambda: victim not in pids(replicated), "the engine has not seen it")
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
    wait_until(lambda: len(replicas(replicated, "auth")) > SIZE["auth"], "it did not begin")
    status, output = interrupt(restart)

    assert status != 0, output
    assert replicas(replicated, "auth") == before
    replicated.wait_healthy()

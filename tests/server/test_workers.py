"""What becomes of connections when a worker hangs, dies or runs out of file numbers."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import psutil
import pytest

from tests.server.served import GET, Server, reply, wait_until


def test_a_worker_forgets_what_a_fork_must_not_share(server: Server) -> None:
    answer = server.index()

    assert answer["forks"] == [answer["process"]]


def test_connections_spread_over_the_workers(server: Server) -> None:
    assert {server.index()["process"] for _ in range(50)} == {worker.pid for worker in server.workers()}


def test_a_listener_without_a_worker_is_served_by_the_others(server: Server) -> None:
    hanging, alive = server.workers()
    with suspended(hanging), ExitStack() as stack:
        queued = [stack.enter_context(server.send(GET)) for _ in range(20)]

        assert processes(queued) == {alive.pid}


def test_killed_workers_take_no_queued_connection_with_them(server: Server) -> None:
    killed = server.workers()
    with suspended(*killed), ExitStack() as stack:
        queued = [stack.enter_context(server.send(GET)) for _ in range(20)]
        for worker in killed:
            worker.kill()

        assert processes(queued).isdisjoint({worker.pid for worker in killed})
    wait_until(partial(server.replaced, *killed))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can take them away")
def test_a_worker_without_file_numbers_lives_on(server: Server) -> None:
    workers = server.workers()
    with ExitStack() as stack:
        with without_file_numbers(*workers):
            before = len(server.complaints())
            queued = [stack.enter_context(server.send(GET)) for _ in range(20)]
            wait_until(lambda: server.complaints().count("cannot accept", before) > 1)

        assert processes(queued) <= {worker.pid for worker in workers}
    assert server.workers() == workers


def processes(clients: list[socket.socket]) -> set[int]:
    """Return which processes answered the clients."""
    return {json.loads(reply(sock)[1])["process"] for sock in clients}


@contextmanager
def suspended(*workers: psutil.Process) -> Iterator[None]:
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.resume()


@contextmanager
def without_file_numbers(*workers: psutil.Process) -> Iterator[None]:
    limits = {worker.pid: resource.prlimit(worker.pid, resource.RLIMIT_NOFILE) for worker in workers}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)

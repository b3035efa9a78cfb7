"""The metrics: right with several workers, on a port that shows nothing else."""

import http.client
import socket
from contextlib import ExitStack, closing
from functools import partial

from tests.server.served import GET, PATIENCE, Server, status, wait_until


def scrape(server: Server, path: str = "/metrics") -> tuple[int, str]:
    with closing(
        http.client.HTTPConnection("127.0.0.1", server.metrics_port, timeout=PATIENCE)
    ) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def value(server: Server, name: str) -> float:
    """Return the value of a metric, 0 if the page does not have it."""
    lines = scrape(server)[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.split()[0] == name)


def test_counters_are_the_sum_over_all_workers_the_dead_too(server: Server) -> None:
    with_label, without_label = 'answers_total{path="/"}', "answers_in_all_total"
    before = value(server, with_label)
    seen = {server.index()["process"] for _ in range(40)}
    kill_one(server)
    for _ in range(10):
        server.index()

    assert len(seen) == 2
    assert value(server, with_label) == before + 50
    assert value(server, without_label) == before + 50


def test_gauges_of_the_living_forget_the_dead(server: Server) -> None:
    assert value(server, "workers_living") == 2
    kill_one(server)

    assert {server.index()["process"] for _ in range(50)} == {worker.pid for worker in server.workers()}
    assert value(server, "workers_living") == 2


def kill_one(server: Server) -> None:
    """Kill a worker, and wait for the one in its place."""
    killed = server.workers()[0]
    killed.kill()
    wait_until(partial(server.replaced, killed))


def test_the_port_of_the_metrics_has_nothing_else(server: Server) -> None:
    assert scrape(server)[0] == 200
    assert scrape(server, "/")[0] == 404
    with server.send(GET.replace(b"/ ", b"/metrics ")) as sock:
        assert status(sock) == 404


def test_slow_clients_of_the_metrics_do_not_keep_others_waiting(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.metrics_port)))

        assert scrape(server)[0] == 200

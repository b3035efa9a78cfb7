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


def test_a_dead_worker_stays_in_the_sums_and_leaves_the_gauges_of_the_living(server: Server) -> None:
    with_label, without_label = 'answers_total{path="/"}', "answers_in_all_total"
    before = value(server, with_label)
    for _ in range(20):
        server.index()
    killed = server.index()["process"]
    alive = value(server, "workers_living")
    kill(server, killed)

    assert value(server, "workers_living") == alive - 1
    for _ in range(10):
        server.index()
    assert value(server, with_label) == before + 31
    assert value(server, without_label) == before + 31


def kill(server: Server, process: object) -> None:
    """Kill a worker, and wait for the one in its place."""
    (killed,) = [worker for worker in server.workers() if worker.pid == process]
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

"""How the server stops and replaces its workers: without losing a reply."""

import http.client
import signal
import threading
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from tests.server.served import GET, PATIENCE, SERVERS, Server, closed, reply, serving, wait_until
from tests.server.test_metrics_page import value

WAIT = GET.replace(b"/ ", b"/wait ")


@pytest.mark.parametrize("name", SERVERS)
def test_it_starts_and_stops_without_a_word_and_without_a_trace(tmp_path: Path, name: str) -> None:
    with serving(tmp_path, name) as server:
        metrics = Path(str(server.index()["metrics"]))
        assert list(metrics.glob("*.db"))
        assert server.stop() == 0

    assert server.complaints() == ""
    assert not metrics.exists()


@pytest.mark.parametrize("name", SERVERS)
def test_idle_connections_do_not_hold_up_the_end(tmp_path: Path, name: str) -> None:
    (tmp_path / "shared").mkdir()
    with serving(tmp_path, name, PROMETHEUS_MULTIPROC_DIR=tmp_path / "shared") as server:
        assert list((tmp_path / "shared").glob("*/*.db"))
        with server.send(GET) as idle:
            reply(idle)

            assert server.stop() == 0
            assert closed(idle)
    assert not list((tmp_path / "shared").iterdir())


@pytest.mark.parametrize("name", SERVERS)
def test_a_request_in_flight_is_answered_at_the_end(tmp_path: Path, name: str) -> None:
    with serving(tmp_path, name) as server:
        with server.send(WAIT) as sock:
            wait_until(lambda: value(server, "waiting") == 1)
            server.process.send_signal(signal.SIGTERM)

            assert reply(sock)[1] == b"waited"
        assert server.process.wait(timeout=20) == 0


def test_requests_that_no_thread_took_yet_are_answered_at_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, "gunicorn") as server:
        with ExitStack() as stack:
            asked = [stack.enter_context(server.send(WAIT)) for _ in range(20)]
            wait_until(lambda: value(server, "waiting") >= 4)
            server.process.send_signal(signal.SIGTERM)

            assert [reply(sock)[1] for sock in asked] == [b"waited"] * 20
        assert server.process.wait(timeout=20) == 0


def test_replacing_all_workers_and_stopping_lose_no_reply(tmp_path: Path) -> None:
    lost: list[Exception] = []
    with serving(tmp_path, "gunicorn") as server:
        stopping = threading.Event()
        clients = [threading.Thread(target=keep_asking, args=(server, stopping, lost)) for _ in range(8)]
        for client in clients:
            client.start()
        for _ in range(2):
            before = server.workers()
            server.process.send_signal(signal.SIGHUP)
            wait_until(partial(server.replaced, *before))
        stopping.set()

        assert server.stop() == 0
        for client in clients:
            client.join()
    assert lost == []


def keep_asking(server: Server, stopping: threading.Event, lost: list[Exception]) -> None:
    """Ask over kept connections until the stopping server takes no new one; note every reply that is lost."""
    while True:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
        connection.auto_open = 0  # or it would hide that a kept connection was cut
        try:
            connection.connect()
        except OSError as error:
            return None if stopping.is_set() else lost.append(error)
        with closing(connection):
            try:
                ask_until_closed(connection)
            except (OSError, http.client.HTTPException) as error:
                return lost.append(error)


def ask_until_closed(connection: http.client.HTTPConnection) -> None:
    kept = True
    while kept:
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        kept = not response.will_close

"""How the server stops and replaces its workers: without losing a reply."""

import http.client
import signal
import socket
import threading
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from tests.server.served import GET, PATIENCE, POST, Server, closed, reply, serving, wait_until


def test_it_starts_and_stops_without_a_word_and_without_a_trace(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        metrics = Path(str(server.index()["metrics"]))
        assert list(metrics.glob("*.db"))
        assert server.stop() == 0

    assert server.complaints() == ""
    assert not metrics.exists()


def test_idle_and_half_sent_connections_do_not_hold_up_the_end(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    settings = {"PROMETHEUS_MULTIPROC_DIR": tmp_path / "shared", "TEST_LINGER_TIME": 0}
    with serving(tmp_path, **settings) as server, ExitStack() as stack:
        assert list((tmp_path / "shared").glob("*/*.db"))
        idle = stack.enter_context(server.send(GET))
        reply(idle)
        for start in (b"", GET[:-2], POST[:-1]):
            stack.enter_context(server.send(start))

        assert server.stop() == 0
        assert closed(idle)
    assert not list((tmp_path / "shared").iterdir())


def test_a_request_in_flight_is_answered_at_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with server.send(GET.replace(b"/ ", b"/wait ")) as sock:
            wait_until(lambda: any(worker.num_threads() > 2 for worker in server.workers()))
            server.process.send_signal(signal.SIGTERM)

            assert reply(sock)[1] == b"waited"
        assert server.process.wait(timeout=20) == 0


def test_connections_that_nobody_accepted_yet_are_answered_at_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with ExitStack() as stack:
            for worker in server.workers():
                worker.suspend()
            queued = [stack.enter_context(server.send(GET)) for _ in range(20)]
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: refused(server))
            for worker in server.workers():
                worker.resume()

            heads = [reply(sock)[0] for sock in queued]
            assert all(b"Connection: close" in head for head in heads)
        assert server.process.wait(timeout=20) == 0


def refused(server: Server) -> bool:
    """Return whether the server lets nobody in any more."""
    try:
        socket.create_connection((server.host, server.port), timeout=0.3).close()
    except OSError:
        return True
    return False


def test_replacing_all_workers_and_stopping_lose_no_reply(tmp_path: Path) -> None:
    lost: list[Exception] = []
    with serving(tmp_path) as server:
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

"""gunicorn as the services run it, over real sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, LimitRequestHeaders, NoMoreData
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout

from common.listeners import MAX_BODY, MAX_HEAD, Arrival, Verdict
from common.server import BodyErrors

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PATIENCE = 8  # seconds for an answer: below the 10 for which a client could hold a thread of gunicorn's

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED_HEAD = b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"5;a=b\r\nhello\r\n0\r\nX-Trailer: x\r\n\r\n"


@dataclass
class Server:
    """A running gunicorn."""

    process: subprocess.Popen[str]
    port: int
    metrics_port: int
    host: str

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def send(self, data: bytes) -> socket.socket:
        sock = self.connect()
        sock.sendall(data)
        return sock

    def index(self) -> dict[str, object]:
        with self.send(GET) as sock:
            return dict(json.loads(reply(sock)[1]))

    def workers(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children())

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=20)  # below gunicorn's 25, after which it kills


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def run(directory: Path, **settings: object) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}",
        "DATA_DIR": str(directory),
        "AUTH_PORT": str(free_port()),
        "AUTH_METRICS_PORT": str(free_port()),
        "WEB_CONCURRENCY": "2",
        "THREADS": "2",
    } | {name: str(value) for name, value in settings.items()}
    with (directory / "stderr").open("w") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:served_app", "served_app:app"],
            env=environment,
            stderr=stderr,
            text=True,
        )


@contextmanager
def serving(directory: Path, **settings: object) -> Iterator[Server]:
    host = str(settings.get("HOST", "127.0.0.1"))
    ports = {"AUTH_PORT": free_port(host), "AUTH_METRICS_PORT": free_port()}
    process = run(directory, **ports, **settings)
    server = Server(process, ports["AUTH_PORT"], ports["AUTH_METRICS_PORT"], host)
    try:
        wait_until(lambda: listening(server))
        wait_until(lambda: len(server.workers()) == 2)
        yield server
    finally:
        if process.poll() is None:
            for worker in server.workers():
                worker.resume()
            server.stop()


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def listening(server: Server) -> bool:
    assert server.process.poll() is None, "gunicorn did not start"
    try:
        return bool(server.index())
    except OSError:
        return False


def reply(sock: socket.socket) -> tuple[bytes, bytes]:
    """Read one answer with a length; return head and body, or raise ConnectionError if it is cut off."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += receive(sock)
    return head, body


def receive(sock: socket.socket) -> bytes:
    data = sock.recv(1)  # never into the next answer
    if not data:
        raise ConnectionError("closed within an answer")
    return data


def status(sock: socket.socket) -> int:
    return int(reply(sock)[0].split()[1])


def closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


# --- What is asked and answered ---


def test_an_answer_names_no_software(server: Server) -> None:
    with server.send(GET) as sock:
        head, _ = reply(sock)

    assert b"\r\nServer: bookstore\r\n" in head
    assert b"unicorn" not in head.lower()


def test_no_client_is_believed_to_be_a_proxy(server: Server) -> None:
    forged = b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\nScript_Name: /x\r\nScript-Name: /x\r\n\r\n"
    with server.send(GET[:-2] + forged) as sock:
        answer = json.loads(reply(sock)[1])

    assert (answer["scheme"], answer["root"]) == ("http", "")


def test_a_worker_forgets_what_a_fork_must_not_share(server: Server) -> None:
    answer = server.index()

    assert answer["forks"] == [answer["process"]]


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED], ids=["get", "length", "chunked"])
def test_a_request_may_come_a_byte_at_a_time(server: Server, request_bytes: bytes) -> None:
    with server.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request_bytes:
            sock.sendall(bytes([byte]))

        assert status(sock) == 200


def test_requests_sent_together_are_answered_in_turn(server: Server) -> None:
    with server.send(POST + CHUNKED + GET + POST[:-1]) as sock:
        assert [reply(sock)[1], reply(sock)[1]] == [b"5", b"5"]
        assert b"process" in reply(sock)[1]
        sock.sendall(POST[-1:])
        assert reply(sock)[1] == b"5"


def test_a_client_that_ended_its_side_is_answered(server: Server) -> None:
    with server.send(POST) as sock:
        sock.shutdown(socket.SHUT_WR)

        assert reply(sock)[1] == b"5"
        assert closed(sock)


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_once(server: Server) -> None:
    head = POST[:-7] + b"\r\nExpect: 100-Continue\r\n\r\n"
    with server.send(head.replace(b"5\r\n\r\n", b"5\r\n")) as sock:
        asked = b"".join(receive(sock) for _ in range(25))
        sock.sendall(b"hello")

        assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert reply(sock) == (AnyHead(b"HTTP/1.1 200 OK"), b"5")


class AnyHead(bytes):
    """Equals every head that begins so."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and other.startswith(bytes(self))

    __hash__ = bytes.__hash__


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (CHUNKED_HEAD + b"zz\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED_HEAD + b"-5\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED_HEAD + b"5\r\nhelloXX0\r\n\r\n", 400),
        (CHUNKED_HEAD + b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n", 400),
        (CHUNKED_HEAD + b"5" * 9000, 400),
        (CHUNKED_HEAD.replace(b"chunked", b"gzip") + b"x", 400),
        (CHUNKED_HEAD[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (POST.replace(b": 5", b": five"), 400),
        (POST.replace(b": 5", b": " + b"9" * 5000), 400),
        (POST.replace(b": 5", b": 65537") + b"x" * 65532, 413),
        (CHUNKED_HEAD + b"8000\r\n%s\r\n" % (b"x" * 0x8000) * 3, 413),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (GET[:-2] + b"A: " + b"x" * 8190 + b"\r\n\r\n", 431),
        (GET[:-2] + b"A: " + b"x" * MAX_HEAD, 431),
        (b"GET /" + b"x" * 5000 + GET[5:], 414),
    ],
)
def test_a_broken_request_is_refused_and_its_connection_closed(
    server: Server, request_bytes: bytes, expected: int
) -> None:
    with server.send(request_bytes) as sock:
        assert status(sock) == expected
        assert closed(sock)


@pytest.mark.parametrize("request_bytes", [POST[:-1], CHUNKED[:-9]], ids=["length", "chunked"])
def test_a_body_that_ends_too_early_is_the_clients_error(server: Server, request_bytes: bytes) -> None:
    with server.send(request_bytes) as sock:
        sock.shutdown(socket.SHUT_WR)

        assert status(sock) == 400


def test_a_long_body_is_read_by_the_application(server: Server) -> None:
    body = b"x" * 3_000_000
    with closing(http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)) as connection:
        connection.request("POST", "/import", body)
        assert connection.getresponse().read() == b"3000000"

        connection.request("POST", "/import", iter([body, body]), encode_chunked=True)
        assert connection.getresponse().read() == b"6000000"


# --- Slow clients ---


def test_slow_clients_do_not_keep_others_waiting(server: Server) -> None:
    starts = [
        b"",
        GET[:-2],
        POST[:-1],
        CHUNKED[:-9],
        CHUNKED_HEAD + b"10000\r\n",
        POST.replace(b": 5", b": 65536"),
    ]
    with ExitStack() as stack:
        for start in starts * 10:
            stack.enter_context(server.send(start))

        assert all(server.index() for _ in range(20))


def test_clients_that_do_not_close_do_not_keep_others_waiting(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(server.send(GET[:-2] + b"Connection: close\r\n\r\n"))
            assert status(sock) == 200

        assert all(server.index() for _ in range(20))


def test_a_request_that_drags_on_is_ended_with_408(tmp_path: Path) -> None:
    with serving(tmp_path, TEST_REQUEST_TIME=1) as server, ExitStack() as stack:
        silent, *slow = [
            stack.enter_context(server.send(start)) for start in (b"", GET[:-2], POST[:-1], CHUNKED[:-9])
        ]

        assert [status(sock) for sock in slow] == [408, 408, 408]
        assert closed(silent)


def test_a_long_body_that_stalls_is_ended_with_408(tmp_path: Path) -> None:
    start = POST.replace(b"/read", b"/import").replace(b": 5", b": 100000")
    with serving(tmp_path, TEST_STALL_TIME=1) as server, server.send(start) as sock:
        assert status(sock) == 408
        assert closed(sock)


# --- Starting, stopping, replacing ---


def test_it_starts_and_stops_without_a_word_and_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    with serving(tmp_path, PROMETHEUS_MULTIPROC_DIR=tmp_path / "shared") as server:
        assert list((tmp_path / "shared").glob("*/*.db"))
        assert server.stop() == 0

    assert (tmp_path / "stderr").read_text() == ""
    assert not list((tmp_path / "shared").iterdir())


@pytest.mark.parametrize("name", ["AUTH_PORT", "AUTH_METRICS_PORT"])
def test_a_port_in_use_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert run(tmp_path, **{name: port}).wait(timeout=20) == 1
    assert (tmp_path / "stderr").read_text() == f"{name}: port {port} of 127.0.0.1 is already in use\n"


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a" * 70])
def test_a_host_that_is_not_ours_is_one_clear_line(tmp_path: Path, host: str) -> None:
    assert run(tmp_path, HOST=host).wait(timeout=20) == 1

    (line,) = (tmp_path / "stderr").read_text().splitlines()
    assert line.startswith("HOST and AUTH_PORT: cannot listen on port ")
    assert host in line


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
def test_it_listens_on_ipv6(tmp_path: Path) -> None:
    with serving(tmp_path, HOST="::1") as server:
        assert server.index()


def test_a_worker_that_cannot_boot_ends_the_server(tmp_path: Path) -> None:
    process = run(tmp_path, TEST_BOOT="fails")

    assert process.wait(timeout=20) != 0
    lines = [json.loads(line) for line in (tmp_path / "stderr").read_text().splitlines() if line[:1] == "{"]
    assert any("this worker cannot boot" in line.get("exception", "") for line in lines)


def test_replacing_all_workers_and_stopping_lose_no_reply(tmp_path: Path) -> None:
    lost: list[OSError] = []
    with serving(tmp_path) as server:
        stopping = threading.Event()
        clients = [threading.Thread(target=keep_asking, args=(server, stopping, lost)) for _ in range(16)]
        for client in clients:
            client.start()
        for _ in range(5):
            before: set[object] = {worker.pid for worker in server.workers()}
            server.process.send_signal(signal.SIGHUP)
            wait_until(partial(replaced, server, before))
        stopping.set()

        assert server.stop() == 0
        for client in clients:
            client.join()
    assert lost == []


def replaced(server: Server, before: set[object]) -> bool:
    now = {worker.pid for worker in server.workers()}
    return len(now) == 2 and not now & before


def keep_asking(server: Server, stopping: threading.Event, lost: list[OSError]) -> None:
    """Ask over kept connections until the stopping server takes no new one; note every reply that is lost."""
    while True:
        try:
            sock = server.connect()
        except OSError as error:
            if not stopping.is_set():
                lost.append(error)
            return
        with sock:
            try:
                close = b""
                while not close:
                    sock.sendall(GET)
                    close = reply(sock)[0].partition(b"Connection: close")[1]
            except OSError as error:
                lost.append(error)
                return


def test_a_request_in_flight_is_answered_at_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.send(GET.replace(b"/ ", b"/wait ")) as sock:
        wait_until(lambda: any(worker.num_threads() > 2 for worker in server.workers()))
        server.process.terminate()

        assert reply(sock)[1] == b"waited"
        assert server.process.wait(timeout=20) == 0


def test_connections_that_nobody_accepted_yet_are_answered_at_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ExitStack() as stack:
        for worker in server.workers():
            worker.suspend()
        queued = [stack.enter_context(server.send(GET)) for _ in range(20)]
        server.process.terminate()
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


def test_killed_workers_take_no_queued_connection_with_them(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ExitStack() as stack:
        killed = server.workers()
        for worker in killed:
            worker.suspend()
        queued = [stack.enter_context(server.send(GET)) for _ in range(20)]
        for worker in killed:
            worker.kill()

        processes = {json.loads(reply(sock)[1])["process"] for sock in queued}
        assert processes.isdisjoint({worker.pid for worker in killed})


def test_a_listener_without_a_worker_is_served_by_the_others(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ExitStack() as stack:
        dead, alive = server.workers()
        dead.suspend()
        queued = [stack.enter_context(server.send(GET)) for _ in range(20)]

        assert {json.loads(reply(sock)[1])["process"] for sock in queued} == {alive.pid}


def test_connections_spread_over_the_workers(server: Server) -> None:
    assert {server.index()["process"] for _ in range(50)} == {worker.pid for worker in server.workers()}


def test_idle_and_half_sent_connections_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ExitStack() as stack:
        idle = stack.enter_context(server.send(GET))
        reply(idle)
        for start in (b"", GET[:-2], POST[:-1]):
            stack.enter_context(server.send(start))

        assert server.stop() == 0
        assert closed(idle)


def test_what_a_client_sends_cannot_break_a_line_of_the_log(tmp_path: Path) -> None:
    with (
        serving(tmp_path) as server,
        server.send(b"GET /\x1b[31m\r\x0b{ HTTP/1.1\r\nHost: x\r\n\r\n") as sock,
    ):
        assert status(sock) == 400

        (line,) = (tmp_path / "stderr").read_bytes().splitlines()
        assert json.loads(line)["level"] == "warning"


# --- Metrics ---


def scrape(server: Server, path: str = "/metrics") -> tuple[int, str]:
    with closing(
        http.client.HTTPConnection("127.0.0.1", server.metrics_port, timeout=PATIENCE)
    ) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def test_metrics_are_the_sum_over_all_workers_the_dead_too(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        before = count(server, 'answers_total{path="/"}')
        seen = {server.index()["process"] for _ in range(40)}
        killed = server.workers()[0]
        killed.kill()
        wait_until(partial(replaced, server, {killed.pid}))
        for _ in range(10):
            server.index()

        assert len(seen) == 2
        assert count(server, 'answers_total{path="/"}') == before + 50
        assert count(server, "answers_in_all_total") == before + 50


def count(server: Server, name: str) -> float:
    lines = scrape(server)[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.split()[0] == name)


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


# --- The parts ---


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED, POST.replace(b"hello", b"h\r\n\r\n")])
@given(data=st.data())
def test_how_a_request_is_cut_up_makes_no_difference(request_bytes: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(request_bytes) - 1))))
    pieces = [request_bytes[a:b] for a, b in zip([0, *cuts], [*cuts, len(request_bytes)], strict=True)]
    arrival = Arrival()

    verdicts = [arrival.add(piece) for piece in pieces]

    assert verdicts == [Verdict.WAIT] * (len(pieces) - 1) + [Verdict.TAKE]
    assert arrival.data == request_bytes


@given(st.binary(max_size=200), st.sampled_from([b"", CHUNKED_HEAD]))
def test_no_bytes_break_the_gathering(rubbish: bytes, head: bytes) -> None:
    arrival = Arrival()
    arrival.add(head)

    assert arrival.add(rubbish) in Verdict


@pytest.mark.parametrize("piece", [b"A: b\r\n", b"1\r\nx\r\n", b"1;x=y\r\nx\r\n"])
def test_what_is_gathered_has_a_bound(piece: bytes) -> None:
    arrival = Arrival()
    verdict = arrival.add(GET[:-2] if piece.startswith(b"A") else CHUNKED_HEAD)

    while verdict is Verdict.WAIT:
        verdict = arrival.add(piece * 100)

    assert len(arrival.data) < MAX_HEAD + 3 * MAX_BODY


class Broken:
    """A body that cannot be read."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, _size: int) -> bytes:
        raise self.error

    readline = read


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidChunkSize(b"x"), BadRequest),
        (ChunkMissingTerminator(b"x"), BadRequest),
        (LimitRequestHeaders("x"), BadRequest),
        (NoMoreData(), BadRequest),
        (ConnectionResetError(), BadRequest),
        (TimeoutError(), RequestTimeout),
    ],
)
@pytest.mark.parametrize("method", ["read", "readline", "readlines", "__iter__"])
def test_errors_of_a_body_are_the_clients(
    error: Exception, expected: type[HTTPException], method: str
) -> None:
    environ = {"CONTENT_LENGTH": "5", "wsgi.input": Broken(error)}
    BodyErrors(lambda _environ, _start: [])(environ, lambda *_: lambda _: None)

    with pytest.raises(expected):
        list(getattr(environ["wsgi.input"], method)())

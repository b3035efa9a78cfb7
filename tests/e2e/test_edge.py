"""Several replicas of each service behind nginx: who asks sees two services, whatever happens behind."""

import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.edge import (
    SIZE,
    failures,
    log_lines,
    make_certificate,
    problem_for,
    published,
    replicas,
    speaks_tls,
    start_with_edge,
    wait_for_promises,
)
from tests.e2e.load import Newcomers
from tests.e2e.scripts import interrupt, run, start
from tests.e2e.stack import MakeStack, Stack, docker, inspect
from tests.people import Person, assert_problem
from tests.resilience.slow_clients import SLOW, assert_nobody_waits, finish, slow_clients
from tests.resilience.writers import Writers
from tests.waiting import wait_until

pytestmark = pytest.mark.compose

# Asks the edge from within its network, says that it asks for another, and prints its own address.
IMPOSTOR = """
import socket
from http.client import HTTPConnection
connection = HTTPConnection("edge", 5002)
connection.request("GET", "/books", headers={"X-Request-ID": "%s", "X-Forwarded-For": "203.0.113.9"})
assert connection.getresponse().status == 401
print(connection.sock.getsockname()[0])
"""


@pytest.fixture(scope="module")
def edge(make_stack: MakeStack) -> Stack:
    """A stack with an edge; tests leave it running and healthy."""
    return start_with_edge(make_stack(COMPOSE_PROFILES="edge"))


@pytest.fixture(scope="module")
def reader(edge: Stack) -> Person:
    return edge.register()


def test_the_published_ports_are_those_of_the_edge(edge: Stack) -> None:
    assert published(edge, "edge") == {str(port) for port in edge.ports.values()}
    assert published(edge, "auth") == published(edge, "books") == set()
    assert {service: len(replicas(edge, service)) for service in SIZE} == SIZE


def test_the_replicas_share_the_requests(edge: Stack, reader: Person) -> None:
    mark = secrets.token_hex(8)
    for number in range(60):
        headers = {"Authorization": f"Bearer {reader.token}", "X-Request-ID": f"{mark}-{number}"}
        assert reader.get("/books", headers=headers).headers["X-Request-ID"] == headers["X-Request-ID"]

    served = Counter(name for name, _ in log_lines(edge, "books", mark))

    assert served.total() == 60
    assert len(served) == SIZE["books"]


def test_the_client_is_whoever_asks_the_edge_whatever_the_request_says(edge: Stack) -> None:
    request_id = secrets.token_hex(8)

    address = edge.execute("books", "python", "-c", IMPOSTOR % request_id)

    ((_, line),) = log_lines(edge, "books", request_id)
    assert line["client"] == address


@pytest.mark.parametrize(("size", "server"), [(70_000, "bookstore"), (20_000_000, "nginx")])
def test_a_body_that_is_too_large_is_refused_by_whoever_sees_it_first(
    reader: Person, size: int, server: str
) -> None:
    answer = reader.request("POST", "books", "/books", data=b"x" * size)

    assert_problem(answer, 413, "the body is too large")
    assert answer.headers["Server"] == server


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"garbage", 400),
        (b"GET /books HTTP/1.1", 400),
        (b"GET /books HTTP/7.0", 505),
        (b"GET /%zz HTTP/1.1", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 9000, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip", 501),
        (b"TRACE / HTTP/1.1\r\nHost: x", 405),
        (b"GET /.problem HTTP/1.1\r\nHost: x", 404),
    ],
)
def test_what_nginx_refuses_is_a_problem_document_too(edge: Stack, request_line: bytes, status: int) -> None:
    assert problem_for(edge.ports["books"], request_line + b"\r\n\r\n")["status"] == status


def test_nobody_waits_for_slow_clients(reader: Person) -> None:
    statuses = assert_nobody_waits(reader)

    assert statuses == [200] * SLOW + [201] * SLOW


def test_one_address_cannot_have_all_connections(edge: Stack, reader: Person) -> None:
    with ExitStack() as stack:
        clients = stack.enter_context(slow_clients(reader, bodies=400))

        def is_refused() -> bool:
            if reader.get("/books").status_code == 429:
                return True
            # One was refused for the sake of a request that had just ended: its place is free again.
            clients.extend(stack.enter_context(slow_clients(reader, bodies=5)))
            return False

        wait_until(is_refused, "there is no limit")
        refused = reader.get("/me", "auth")  # an address has its share of the edge, not of each service
        with ThreadPoolExecutor(8) as threads:  # not all at once: what waits for a service is not the point
            statuses = Counter(threads.map(finish, clients))

    assert_problem(refused, 429, "too many requests")
    assert refused.headers["Retry-After"] == "1"
    assert statuses.keys() <= {201, 429}
    assert statuses[201] > 2 * SLOW
    assert refused.headers["X-Request-ID"] in edge.logs("edge")


def test_a_rolling_restart_replaces_everything_and_fails_no_request(edge: Stack) -> None:
    before = {service: replicas(edge, service) for service in SIZE}
    by_hand = edge.compose("run", "--detach", "--rm", "--no-deps", "books", "sleep", "infinity")
    with Writers(edge.register(), count=6) as writers, Newcomers(edge) as newcomers:
        wait_for_promises(writers)
        status, output = run(edge, "rolling-restart", THREADS="32")
        wait_for_promises(writers)

    assert status == 0, output
    after = {service: replicas(edge, service) for service in SIZE}
    assert {service: len(found) for service, found in after.items()} == SIZE
    assert [after[service] & before[service] for service in SIZE] == [set(), set()]
    assert all("THREADS=32" in found["Config"]["Env"] for found in edge.containers(*SIZE))
    assert [found["State"]["Status"] for found in inspect("container", by_hand)] == ["running"]
    docker("rm", "--force", by_hand)
    assert failures(writers) == 0, (writers.statuses, writers.broken)
    assert (set(newcomers.statuses), newcomers.broken) == ({201}, 0)
    assert (writers.lost(), newcomers.lost()) == (set(), [])


def test_a_killed_replica_takes_no_more_than_what_it_was_asked(edge: Stack) -> None:
    clients = 6
    victim = edge.containers("books")[0]["State"]["Pid"]
    with Writers(edge.register(), count=clients) as writers:
        wait_for_promises(writers)
        os.kill(victim, signal.SIGKILL)
        wait_for_promises(writers)
        wait_until(lambda: victim not in pids(edge), "the engine has not seen it")
        edge.wait_healthy("books")
        wait_for_promises(writers)

    assert failures(writers) <= clients, (writers.statuses, writers.broken)
    assert set(writers.statuses) <= {200, 201, 503}
    assert writers.lost() == set()
    assert len(pids(edge)) == SIZE["books"]


def pids(stack: Stack) -> set[int]:
    return {container["State"]["Pid"] for container in stack.containers("books")}


def test_an_interrupted_rolling_restart_leaves_as_many_as_there_were(edge: Stack) -> None:
    before = replicas(edge, "auth")
    restart = start(edge, "rolling-restart")
    wait_until(lambda: len(replicas(edge, "auth")) > SIZE["auth"], "it did not begin")
    status, output = interrupt(restart)

    assert status != 0, output
    assert replicas(edge, "auth") == before
    edge.wait_healthy()


def test_a_rolling_restart_needs_an_edge(edge: Stack) -> None:
    status, output = run(edge, "rolling-restart", COMPOSE_PROFILES="")

    assert status == 1
    assert "make up" in output
    assert {service: len(replicas(edge, service)) for service in SIZE} == SIZE


@pytest.fixture
def tls_folder(edge: Stack, tmp_path: Path) -> Iterator[Path]:
    """A folder for a certificate, which the stack uses from its next start to the end of the test."""
    tmp_path.chmod(0o755)
    edge.environment["TLS_FOLDER"] = str(tmp_path)
    yield tmp_path
    del edge.environment["TLS_FOLDER"]
    edge.compose("up", "--detach", "--no-deps", "--wait", "edge")


def test_with_a_certificate_both_ports_speak_tls(edge: Stack, tls_folder: Path) -> None:
    certificate = make_certificate(edge, tls_folder)
    edge.compose("up", "--detach", "--no-deps", "--wait", "edge")
    assert speaks_tls(edge, certificate)

    renewed = make_certificate(edge, tls_folder)
    edge.compose("kill", "--signal=HUP", "edge")
    wait_until(lambda: speaks_tls(edge, renewed), "the new certificate is not used")

    assert problem_for(edge.ports["auth"], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")["status"] == 400


def test_a_certificate_that_is_asked_for_and_cannot_be_used_is_no_start(
    edge: Stack, tls_folder: Path
) -> None:
    missing = edge.attempt("run", "--rm", "--no-deps", "edge")
    make_certificate(edge, tls_folder)
    (tls_folder / "privkey.pem").write_text("nonsense")
    broken = edge.attempt("run", "--rm", "--no-deps", "edge")

    assert missing.returncode != 0
    assert "fullchain.pem is missing" in missing.stderr
    assert broken.returncode != 0
    assert "privkey.pem" in broken.stderr

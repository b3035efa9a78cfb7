"""nginx in front of both services: whom it believes, what it refuses, and TLS."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import api
from tests.cases import every
from tests.e2e.nginx import (
    ELSEWHERE,
    addresses,
    log_lines,
    make_certificate,
    problem_for,
    speaks_tls,
    take_changes,
)
from tests.e2e.stack import Stack, docker, inspect, is_healthy
from tests.pair import SERVICES
from tests.people import assert_problem
from tests.waiting import TIME, wait_until

pytestmark = pytest.mark.compose


def test_the_client_is_whoever_asks_nginx_whatever_the_request_says(stack: Stack) -> None:
    headers = {"X-Request-ID": secrets.token_hex(8), "X-Forwarded-For": ELSEWHERE}

    answer = api.get(stack.url("books") + "/books", headers=headers)

    assert answer.headers["X-Request-ID"] == headers["X-Request-ID"]
    ((_, line),) = log_lines(stack, "books", headers["X-Request-ID"])
    assert line["client"] not in {ELSEWHERE, *addresses(stack, "nginx")}


@pytest.fixture
def nginx_of_a_domain(stack: Stack) -> Iterator[str]:
    """Return the address of an nginx that finds the services where Kubernetes has them: in a domain."""
    network, domain = f"{stack.project}-domain", "bookstore.svc.cluster.local"
    docker("network", "create", network)
    for service in SERVICES:
        alias = f"--alias={service}.{domain}"
        docker("network", "connect", alias, network, stack.container(service)["Id"])
    settings = [f"--env=DOMAIN={domain}", "--env=STATUS_HOST=127.0.0.1"]  # as in deploy/kubernetes
    nginx = stack.compose("run", "--detach", "--rm", "--no-deps", *settings, "nginx")
    docker("network", "connect", network, nginx)
    wait_until(lambda: is_healthy(inspect("container", nginx)[0]["State"]), "nginx does not start")
    yield inspect("container", nginx)[0]["NetworkSettings"]["Networks"][network]["IPAddress"]
    docker("container", "rm", "--force", nginx)
    for service in SERVICES:
        docker("network", "disconnect", network, stack.container(service)["Id"])
    docker("network", "rm", network)


def test_nginx_finds_the_services_in_a_domain(nginx_of_a_domain: str) -> None:
    auth, books = f"http://{nginx_of_a_domain}:5001", f"http://{nginx_of_a_domain}:5002"
    large = b"x" * 100_000

    assert [api.get(url).json()["service"] for url in (auth, books)] == ["auth_service", "books_service"]
    # Of a large body an import alone is taken, and a token is asked for first.
    assert api.post(f"{books}/books/import", data=large).status_code == 401
    assert api.post(f"{books}/books", data=large).status_code == 413


@every("size, server", [(70_000, "bookstore"), (20_000_000, "nginx")])
def test_a_body_that_is_too_large_is_refused_by_whoever_sees_it_first(
    stack: Stack, size: int, server: str
) -> None:
    answer = stack.register().request("POST", "books", "/books", data=b"x" * size)

    assert_problem(answer, 413, "the body is too large")
    assert answer.headers["Server"] == server


@every(
    "request_line, status",
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
def test_what_nginx_refuses_is_a_problem_document_too(stack: Stack, request_line: bytes, status: int) -> None:
    assert problem_for(stack.ports["books"], request_line + b"\r\n\r\n")["status"] == status


@pytest.fixture
def tls_folder(stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """A folder for a certificate, which the stack uses from its next start to the end of the test."""
    tmp_path.chmod(0o755)
    stack.environment["TLS_FOLDER"] = str(tmp_path)
    yield tmp_path
    del stack.environment["TLS_FOLDER"]
    restart(stack)


def restart(stack: Stack) -> None:
    """Start nginx anew, with the settings that the stack has now."""
    stack.compose("up", "--detach", "--no-deps", "--wait", "nginx")


def test_with_a_certificate_all_ports_speak_tls(stack: Stack, tls_folder: Path) -> None:
    certificate = make_certificate(stack, tls_folder)
    restart(stack)
    assert speaks_tls(stack, certificate)

    renewed = make_certificate(stack, tls_folder)
    take_changes(stack)
    wait_until(lambda: speaks_tls(stack, renewed), "the new certificate is not used")

    assert problem_for(stack.ports["auth"], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")["status"] == 400
    for name, path in [("auth", "/healthz"), ("auth", "/.problem"), ("page", "/")]:
        answer = api.get(f"https://127.0.0.1:{stack.ports[name]}{path}", verify=str(renewed), timeout=TIME)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_certificate_that_is_asked_for_and_cannot_be_used_is_no_start(
    stack: Stack, tls_folder: Path
) -> None:
    missing = stack.attempt("run", "--rm", "--no-deps", "nginx")
    make_certificate(stack, tls_folder)
    (tls_folder / "privkey.pem").write_text("nonsense")
    broken = stack.attempt("run", "--rm", "--no-deps", "nginx")

    assert missing.returncode != 0
    assert "fullchain.pem is missing" in missing.stderr
    assert broken.returncode != 0
    assert "privkey.pem" in broken.stderr

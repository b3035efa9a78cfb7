"""What the tests ask of nginx itself."""

import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import requests

from tests import api
from tests.e2e.stack import POLL, Stack
from tests.people import EVERY_PROBLEM
from tests.waiting import TIME, wait_until

ELSEWHERE = "203.0.113.9"  # where nobody is
# As docs/operations.md has it for a load balancer: here the test itself says whom it asks for.
BELIEVE = "set_real_ip_from 0.0.0.0/0;\nreal_ip_header X-Forwarded-For;\n"


def take_changes(stack: Stack) -> None:
    """Let nginx read its files again, as docs/operations.md has it."""
    stack.compose("exec", "-T", "nginx", "sh", "-c", "kill -HUP 1")


@contextmanager
def believing_clients(stack: Stack) -> Iterator[Stack]:
    """Let nginx believe its clients where they come from, for the block."""
    believe = stack.folder / "deploy/nginx/own/believe.conf"
    believe.write_text(BELIEVE)
    take_changes(stack)
    wait_until(lambda: is_believed(stack), "nginx does not believe its clients", poll=POLL)
    yield stack
    believe.unlink()
    take_changes(stack)
    wait_until(lambda: not is_believed(stack), "nginx still believes its clients", poll=POLL)


def is_believed(stack: Stack) -> bool:
    """Ask for nothing, and tell whether the log has it from an address that only the request names."""
    request_id = secrets.token_hex(8)
    headers = {"X-Request-ID": request_id, "X-Forwarded-For": ELSEWHERE}
    api.get(stack.url("books") + "/books", headers=headers, timeout=TIME)
    return [line["client"] for _, line in log_lines(stack, "books", request_id)] == [ELSEWHERE]


def log_lines(stack: Stack, service: str, request_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what a service logged lately of the requests whose ids begin so, each with its container."""
    logged = stack.logs(service, tail="1000").splitlines()
    lines = [line.split("|", 1) for line in logged if f'"{request_id}' in line]
    return [(name.strip(), json.loads(line)) for name, line in lines]


def addresses(stack: Stack, service: str) -> set[str]:
    networks = stack.container(service)["NetworkSettings"]["Networks"].values()
    return {network["IPAddress"] for network in networks}


def problem_for(port: int, request: bytes) -> dict[str, Any]:
    """Send bytes, and return the problem document of the answer."""
    with socket.create_connection(("127.0.0.1", port), TIME) as sock:
        sock.sendall(request)
        return read_problem(sock)[1]


def read_problem(sock: socket.socket) -> tuple[Message, dict[str, Any]]:
    """Return the headers and the problem document of the answer that comes next."""
    with HTTPResponse(sock) as response:
        response.begin()
        problem: dict[str, Any] = json.loads(response.read())
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert problem.keys() == EVERY_PROBLEM
    assert problem["status"] == response.status
    return response.headers, problem


def make_certificate(stack: Stack, folder: Path, *, days: int = 30) -> Path:
    """Put a certificate for 127.0.0.1 and its key where nginx can read it, and return the certificate."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-days", str(days), "-subj", "/CN=nginx", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = stack.execute("nginx", *command, *names, "-keyout", "-", "-out", "-")
    key, mark, certificate = made.partition("-----BEGIN CERTIFICATE-----")
    folder.chmod(0o755)  # nginx is another user, and here not in the group of this one
    (folder / "privkey.pem").write_text(key)
    (folder / "fullchain.pem").write_text(mark + certificate)
    return folder / "fullchain.pem"


def speaks_tls(stack: Stack, certificate: Path) -> bool:
    """Tell whether all ports show this certificate and answer."""
    urls = [f"https://127.0.0.1:{port}/" for port in stack.ports.values()]
    try:
        return all(api.get(url, verify=str(certificate), timeout=TIME).ok for url in urls)
    except requests.exceptions.SSLError:
        return False

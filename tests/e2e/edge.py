"""What the tests of the edge ask of a stack with several replicas behind nginx."""

import json
import socket
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import requests

from tests.e2e.stack import Stack
from tests.people import EVERY_PROBLEM
from tests.resilience.writers import Writers
from tests.waiting import TIME, wait_until

SIZE = {"auth": 2, "books": 3}  # replicas of each service


def start_with_edge(stack: Stack) -> Stack:
    """Start all of a stack whose settings say that it has an edge."""
    scales = [word for service, count in SIZE.items() for word in ("--scale", f"{service}={count}")]
    return stack.up(*scales)


def replicas(stack: Stack, service: str) -> set[str]:
    """Return the containers of a service, ended ones too, but none of `docker compose run`."""
    return {
        container["Id"]
        for container in stack.containers(service, ended=True)
        if container["Config"]["Labels"]["com.docker.compose.oneoff"] == "False"
    }


def published(stack: Stack, service: str) -> set[str]:
    """Return the ports of this machine that lead to containers of a service."""
    return {
        binding["HostPort"]
        for container in stack.containers(service)
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }


def log_lines(stack: Stack, service: str, request_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what a service logged of the requests whose ids begin so, each with its container."""
    lines = [line.split("|", 1) for line in stack.logs(service).splitlines() if f'"{request_id}' in line]
    return [(name.strip(), json.loads(line)) for name, line in lines]


def problem_for(port: int, request: bytes) -> dict[str, Any]:
    """Send bytes, and return the problem document of the answer."""
    with socket.create_connection(("127.0.0.1", port), TIME) as sock:
        sock.sendall(request)
        with HTTPResponse(sock) as response:
            response.begin()
            problem: dict[str, Any] = json.loads(response.read())
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem.keys() == EVERY_PROBLEM
    assert problem["status"] == response.status
    return problem


def wait_for_promises(writers: Writers) -> None:
    """Wait until some more books were promised."""
    enough = len(writers.promised) + 20
    wait_until(lambda: len(writers.promised) >= enough, "nothing more was promised")


def failures(writers: Writers) -> int:
    """Return how many requests were not answered as they are when all is well."""
    served = writers.statuses[200] + writers.statuses[201]
    return writers.statuses.total() - served + len(writers.broken) + writers.refused


def make_certificate(stack: Stack, folder: Path) -> Path:
    """Put a certificate for 127.0.0.1 and its key where the edge can read it, and return the certificate."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=edge", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = stack.execute("edge", *command, *names, "-keyout", "-", "-out", "-")
    key, mark, certificate = made.partition("-----BEGIN CERTIFICATE-----")
    folder.chmod(0o755)  # the edge is another user, and here not in the group of this one
    (folder / "privkey.pem").write_text(key)
    (folder / "fullchain.pem").write_text(mark + certificate)
    return folder / "fullchain.pem"


def speaks_tls(stack: Stack, certificate: Path) -> bool:
    """Tell whether both ports show this certificate and answer."""
    urls = [f"https://127.0.0.1:{port}/healthz" for port in stack.ports.values()]
    try:
        return all(requests.get(url, verify=str(certificate), timeout=TIME).ok for url in urls)
    except requests.exceptions.SSLError:
        return False

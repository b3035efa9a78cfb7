"""What the tests ask of a stack with several replicas of each service behind nginx."""

import json
from typing import Any

from tests.e2e.stack import Stack
from tests.resilience.writers import Writers
from tests.waiting import wait_until

SIZE = {"auth": 2, "books": 3}  # replicas of each service


def scale_out(stack: Stack) -> Stack:
    """Bring a stack, running or not, to several replicas of each service."""
    scales = [word for service, count in SIZE.items() for word in ("--scale", f"{service}={count}")]
    return stack.up(*scales)


def replicas(stack: Stack, service: str) -> set[str]:
    """Return the containers of a service, ended ones too, but none of `docker compose run`."""
    return {
        container["Id"]
        for container in stack.containers(service, ended=True)
        if container["Config"]["Labels"]["com.docker.compose.oneoff"] == "False"
    }


def log_lines(stack: Stack, service: str, request_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what a service logged of the requests whose ids begin so, each with its container."""
    lines = [line.split("|", 1) for line in stack.logs(service).splitlines() if f'"{request_id}' in line]
    return [(name.strip(), json.loads(line)) for name, line in lines]


def wait_for_promises(writers: Writers) -> None:
    """Wait until some more books were promised."""
    enough = len(writers.promised) + 20
    wait_until(lambda: len(writers.promised) >= enough, "nothing more was promised")


def failures(writers: Writers) -> int:
    """Return how many requests were not answered as they are when all is well."""
    served = writers.statuses[200] + writers.statuses[201]
    return writers.statuses.total() - served + len(writers.broken) + writers.refused

"""Ports of this machine: free ones for the servers of the tests, and who listens on one."""

import itertools
import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

import psutil


def _some_ports() -> Iterator[int]:
    """Yield ports of this process's own, over and over: below those that a system gives to connections."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 11
    first = 10_000 + 2_000 * number
    start = random.randrange(2_000)
    return itertools.cycle(first + (start + step) % 2_000 for step in range(2_000))


_ports = _some_ports()


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    for port in _ports:
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is always another port")


def is_open(port: int) -> bool:
    """Return whether somebody new is let in."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
        return True
    return False


def listens(process: psutil.Process, port: int) -> bool:
    """Return whether the process is there and listens on the port."""
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    return (port, psutil.CONN_LISTEN) in {(each.laddr[1], each.status) for each in connections}

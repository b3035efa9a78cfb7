"""Asks the service of this container whether it is ready, for the container's health check.

Run as a file, `python -IS common/healthcheck.py SERVICE`, without any package: it starts every few seconds.
"""

import socket
import sys

SERVICES = "services.toml"  # in the folder in which the service runs
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
TIMEOUT = 2.5  # seconds


def port_of(service: str) -> int:
    """Return the port of a service, such as `books_service`, in its container."""
    with open(SERVICES) as file:  # noqa: PTH123 - to import pathlib and tomllib takes longer than all of this
        block = file.read().partition(f"[{service.removesuffix('_service')}]")[2]
    return int(block.partition("\nport = ")[2].split()[0])


def is_ready(port: int) -> bool:
    """Return whether `/readyz` answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
            connection.sendall(REQUEST)
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(port_of(sys.argv[1])))

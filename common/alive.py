"""Asks the service on a port of this machine whether it is ready, for a container's health check.

Run as a file, `python -IS common/alive.py PORT`, and without any package: it is started every few seconds.
"""

import socket
import sys

REQUEST = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
TIMEOUT = 2.5  # seconds


def is_ready(port: int) -> bool:
    """Return whether `/readyz` answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
            connection.sendall(REQUEST)
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))

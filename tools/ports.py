"""The ports of `make run` and of Compose, and who holds those that are taken."""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from socket import AF_INET, AF_INET6, create_server
from typing import NamedTuple

PAGE_HOST = "127.0.0.1"  # of this machine alone, whatever HOST says: the services see its address only
# Programs that know who listens on a port, and what they say of it.
INFORMANTS = (
    ("docker ps --filter publish={} --format {{{{.Names}}}}", r"(?P<name>\S+)"),
    ("lsof -nP -iTCP:{} -sTCP:LISTEN -Fpc", r"p(?P<pid>\d+)\nc(?P<name>.+)"),
    ("ss -Hltnp sport = :{}", r'"(?P<name>[^"]+)",pid=(?P<pid>\d+)'),
)
PATIENCE = 10  # seconds for one of them


class Port(NamedTuple):
    """Where something listens, and the setting that says so."""

    setting: str
    host: str
    number: int

    def __str__(self) -> str:
        return f"port {self.number} of {self.host}"


def taken_ports(ports: Iterable[Port]) -> Iterator[tuple[Port, str]]:
    """Yield each port that cannot be listened on, and why; an earlier one of these may have it."""
    with ExitStack() as sockets:
        for port in ports:
            try:
                family = AF_INET6 if ":" in port.host else AF_INET
                sockets.enter_context(create_server((port.host, port.number), family=family))
            except OSError as error:
                yield port, (error.strerror or str(error)).partition(" (while")[0].lower()


def holder_of(port: int) -> str:
    """Return the container or the process that listens on the port, as far as this user may know."""
    for command, pattern in INFORMANTS:
        if found := re.search(pattern, output_of(*command.format(port).split())):
            pid = found.groupdict().get("pid")
            if pid == str(os.getpid()):
                return "another of these settings"
            return f"{found['name']} (process {pid})" if pid else f"the container {found['name']}"
    return "another program"


def output_of(*command: str) -> str:
    """Return what a program prints, or nothing if it is not there, fails or takes too long."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
        return done.stdout.strip()
    return ""

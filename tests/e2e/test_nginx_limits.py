"""What many addresses together can hold of nginx: it fits into its memory, and leaves room for others."""

import json
import re
import select
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
import yaml

from tests.e2e.slow_clients import TIMEOUT, SlowClient, finish
from tests.e2e.stack import Stack
from tests.people import Person, book
from tests.programs import ROOT
from tests.waiting import wait_until

compose = pytest.mark.compose

NGINX = ROOT / "deploy/nginx"
UNITS = {"k": 2**10, "m": 2**20}
TOTAL = 512  # large bodies at a time
SMALL, LARGE = 9_999, 20_000  # bytes
SHORT = 10**6  # bytes: imports under it announce their length in six digits


def size(text: str) -> int:
    """Return the bytes of a size as nginx and Compose write it."""
    return int(text[:-1]) * UNITS[text[-1]]


def values(name: str, file: str = "nginx.conf") -> list[str]:
    """Return the values of a directive, in the order of the file."""
    return re.findall(rf"^\s*{name} ([^;]+);", (NGINX / file).read_text(), re.M)


def test_all_that_can_be_under_way_at_nginx_fits_into_its_memory() -> None:
    nginx = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["nginx"]
    (room,) = re.findall("^/tmp:size=(\\w+),", nginx["tmpfs"][0])
    (small,) = map(size, values("client_max_body_size"))
    large = [size(value) for value in values("client_max_body_size", "service.conf") if value != "0"]
    files = ("nginx.conf", "service.conf", "large_answers.conf")
    limits = dict(value.split() for file in files for value in values("limit_conn", file))
    (kept,) = values("proxy_max_temp_file_size", "large_answers.conf")

    assert values("proxy_max_temp_file_size") == ["0"]
    assert int(limits["bodies"]) == TOTAL
    imports = int(limits["short_imports"]) * SHORT + int(limits["long_imports"]) * max(large)
    bodies = TOTAL * small + imports
    answers = 2 * int(limits["files"]) * (size(kept) + 2**18)
    assert bodies + answers < size(room)


def headers_of(reader: Person, client: str) -> dict[str, str]:
    return {
        "x-access-tokens": reader.token,
        "X-Forwarded-For": client,
        "Content-Type": "application/json",
    }


def a_body(size: int) -> bytes:
    return json.dumps(book()).ljust(size).encode()


@contextmanager
def large_bodies(reader: Person, addresses: list[str], each: int) -> Iterator[list[SlowClient]]:
    """Begin so many requests from each address, and send not all of their bodies."""
    address = ("127.0.0.1", urlsplit(reader.pair.url("books")).port)
    with ExitStack() as stack:
        clients = []
        for client in addresses * each:
            sock = stack.enter_context(socket.create_connection(address, TIMEOUT))
            lines = [f"{name}: {value}" for name, value in headers_of(reader, client).items()]
            head = ["POST /books HTTP/1.1", "Host: x", f"Content-Length: {LARGE}", *lines, "", ""]
            sock.sendall("\r\n".join(head).encode())
            clients.append(SlowClient(sock, a_body(LARGE)))
        yield clients


@compose
def test_all_addresses_together_can_send_so_many_large_bodies_and_small_ones_go_on(believing: Stack) -> None:
    reader = believing.register()

    def add(size: int) -> int:
        headers = headers_of(reader, "203.0.113.3")
        return reader.request("POST", "books", "/books", data=a_body(size), headers=headers).status_code

    with ExitStack() as stack:
        clients: list[SlowClient] = []

        def hold_more(each: int) -> None:
            clients.extend(
                stack.enter_context(large_bodies(reader, ["203.0.113.1", "203.0.113.2"], each=each))
            )

        def is_refused() -> bool:
            if add(LARGE) == 429:
                return True
            hold_more(2)  # one was refused for the sake of a request that had just ended
            return False

        hold_more(300)
        wait_until(is_refused, "there is no limit")
        small = [add(SMALL) for _ in range(20)]
        refused, _, _ = select.select([client.sock for client in clients], [], [], 0)
        statuses = Counter(finish(client) for client in clients if client.sock not in refused)
        statuses.update(client.status() for client in clients if client.sock in refused)

    assert small == [201] * 20
    assert statuses.keys() == {201, 429}
    assert 400 < statuses[201] <= TOTAL
    assert add(LARGE) == 201

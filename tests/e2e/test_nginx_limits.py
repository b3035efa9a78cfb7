"""What many addresses together can hold of nginx: it fits into its memory, and leaves room for others."""

import json
import re
import select
from collections import Counter
from contextlib import ExitStack

import pytest
import yaml

from tests.e2e.nginx import ELSEWHERE
from tests.e2e.slow_clients import SlowClient, finish, slow_clients
from tests.e2e.stack import Stack
from tests.people import book
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


@compose
def test_all_addresses_together_can_send_so_many_large_bodies_and_small_ones_go_on(believing: Stack) -> None:
    reader = believing.register()

    def add(size: int) -> int:
        headers = reader.with_token(X_Forwarded_For=ELSEWHERE, Content_Type="application/json")
        body = json.dumps(book()).ljust(size)
        return reader.request("POST", "books", "/books", data=body, headers=headers).status_code

    with ExitStack() as stack:
        clients: list[SlowClient] = []

        def hold_more(each: int) -> None:
            for address in ("203.0.113.1", "203.0.113.2"):
                slow = slow_clients(reader, bodies=each, size=LARGE, address=address)
                clients.extend(stack.enter_context(slow))

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

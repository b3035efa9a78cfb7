"""What one client and all together can hold of nginx: it fits into its memory, and leaves room for others."""

import json
import re
import select
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

import pytest
import yaml

from tests.books.files import HEADER, import_file
from tests.cases import every
from tests.e2e.nginx import ELSEWHERE, read_problem
from tests.e2e.slow_clients import SLOW, SlowClient, bodies, finish, held
from tests.e2e.stack import Stack
from tests.people import Person, assert_problem, book
from tests.programs import ROOT
from tests.waiting import wait_until

compose = pytest.mark.compose

NGINX = ROOT / "deploy/nginx"
UNITS = {"k": 2**10, "m": 2**20}
TOTAL = 512  # large bodies at a time
SMALL, LARGE = 9_999, 20_000  # bytes
OF_A_TOKEN = 2  # places at nginx
OF_AN_ADDRESS = 6
MANY = 12  # slow imports
SHORT, LONG = 10**6, 5_000_000  # bytes: imports under the first announce their length in six digits
COUNT = 2_000  # books in a file
ROWS = HEADER + "".join(f"Book {number},Ann,Press,\r\n" for number in range(COUNT))
LONG_FILE = ROWS.ljust(2 * 10**6, "\n")


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
                slow = bodies(reader, "books", each, LARGE, address)
                clients.extend(stack.enter_context(held(reader, "books", slow)))

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


@compose
def test_one_address_cannot_have_all_connections(stack: Stack) -> None:
    reader = stack.register()
    with ExitStack() as holding:
        clients = holding.enter_context(held(reader, "books", bodies(reader, "books", 400)))

        def is_refused() -> bool:
            if reader.get("/books").status_code == 429:
                return True
            # One was refused for the sake of a request that had just ended: its place is free again.
            clients.extend(holding.enter_context(held(reader, "books", bodies(reader, "books", 5))))
            return False

        wait_until(is_refused, "there is no limit")
        refused = reader.get("/me", "auth")  # an address has its share of nginx, not of each service
        with ThreadPoolExecutor(8) as threads:  # not all at once: what waits for a service is not the point
            statuses = Counter(threads.map(finish, clients))

    assert_problem(refused, 429, "too many requests")
    assert refused.headers["Retry-After"] == "1"
    assert statuses.keys() <= {201, 429}
    assert statuses[201] > 2 * SLOW
    assert refused.headers["X-Request-ID"] in stack.logs("nginx")


def slow_imports(
    person: Person, count: int, token: str, *, length: int = SHORT // 2, address: str = ""
) -> AbstractContextManager[list[SlowClient]]:
    """Begin so many imports with a token, and send next to nothing of them."""
    head = f"POST /books/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {length}\r\n"
    head += f"x-access-tokens: {token}\r\n" if token else ""
    head += f"X-Forwarded-For: {address}\r\n"
    return held(person, "books", [(f"{head}\r\nname".encode(), b"")] * count)


@compose
@pytest.mark.parametrize(
    ("token", "message"), [("", "a valid token is missing"), ("a.b.c", "token is invalid")]
)
def test_an_import_without_a_good_token_is_refused_before_its_body_and_keeps_nobody_out(
    stack: Stack, token: str, message: str
) -> None:
    person = stack.register()
    with slow_imports(person, 2 * MANY, token) as clients:
        imported = import_file(person, HEADER + "Eric,Terry Pratchett,Gollancz,12\r\n")
        refused = [read_problem(client.sock) for client in clients]

    assert imported.status_code == 200
    assert {(problem["status"], problem["message"]) for _, problem in refused} == {(401, message)}
    assert {"error=" in headers["WWW-Authenticate"] for headers, _ in refused} == {bool(token)}


@compose
@every("behind", ["", "\t"])  # which nginx takes for a part of the header, and the service does not
def test_one_token_has_two_places_at_nginx(stack: Stack, behind: str) -> None:
    slow = stack.register()
    with slow_imports(slow, MANY, slow.token + behind) as clients:
        refused = [read_problem(sock)[1]["code"] for sock in answered(clients, MANY - OF_A_TOKEN)]

    assert_refused(refused, MANY - OF_A_TOKEN)


@compose
@every("length, of_an_address", [(SHORT // 2, OF_AN_ADDRESS), (LONG, 2)])
def test_slow_imports_with_good_tokens_have_few_places_of_an_address(
    believing: Stack, length: int, of_an_address: int
) -> None:
    """Six tokens could have all places once, from two addresses, and for ever."""
    slow, other, clients = [believing.register() for _ in range(6)], believing.register(), list[SlowClient]()
    refused = MANY - 2 * of_an_address
    with ExitStack() as holding:
        for number, person in enumerate(slow):
            address = f"203.0.113.{number % 2}"
            imports = slow_imports(person, OF_A_TOKEN, person.token, length=length, address=address)
            clients += holding.enter_context(imports)
        answers = [read_problem(sock)[1]["code"] for sock in answered(clients, refused)]
        imported = [import_file(other, ROWS, **{"X-Forwarded-For": ELSEWHERE}).json()]
        imported.append(import_file(other, LONG_FILE, **{"X-Forwarded-For": ELSEWHERE}).json())

    assert_refused(answers, refused)
    assert imported == [{"created": COUNT, "skipped": 0}, {"created": 0, "skipped": COUNT}]


def assert_refused(codes: list[str], count: int) -> None:
    """Fail unless so many were refused; books may be too busy to be asked about some of the tokens."""
    assert len(codes) == count
    assert set(codes) - {"unavailable"} == ({"too-many-requests"} if count else set())


def answered(clients: list[SlowClient], count: int) -> list[socket.socket]:
    """Return the first connections on which an answer comes, once there are so many, and no more come."""
    waiting, found = [client.sock for client in clients], list[socket.socket]()
    while ready := select.select(waiting, [], [], 30 if len(found) < count else 1)[0]:
        found += ready
        waiting = [sock for sock in waiting if sock not in ready]
    return found

"""Imports that come slowly, or never: without a token they have no place, and with one not all places."""

import select
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.books.files import HEADER, import_file
from tests.cases import every
from tests.e2e.nginx import ELSEWHERE, read_problem
from tests.e2e.slow_clients import SlowClient, connect, slow_clients
from tests.e2e.stack import Stack
from tests.people import Person

pytestmark = pytest.mark.compose

OF_A_TOKEN = 2  # places at nginx
OF_AN_ADDRESS = 6
MANY = 12  # slow imports
UPLOADS, READERS, TIMES = 300, 160, 50
SHORT, LONG = 500_000, 5_000_000  # bytes that are announced
COUNT = 2_000  # books in a file
ROWS = HEADER + "".join(f"Book {number},Ann,Press,\r\n" for number in range(COUNT))
LONG_FILE = ROWS.ljust(2 * 10**6, "\n")


@contextmanager
def slow_imports(
    person: Person, count: int, token: str, *, length: int = SHORT, address: str = ""
) -> Iterator[list[SlowClient]]:
    """Begin so many imports with a token, and send next to nothing of them."""
    port = urlsplit(person.pair.url("books")).port or 0
    head = f"POST /books/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {length}\r\n"
    head += f"x-access-tokens: {token}\r\n" if token else ""
    head += f"X-Forwarded-For: {address}\r\n"
    with ExitStack() as stack:
        clients = [SlowClient(stack.enter_context(connect(port))) for _ in range(count)]
        for client in clients:
            client.sock.sendall(f"{head}\r\nname".encode())
        yield clients


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


@every("behind", ["", "\t"])  # which nginx takes for a part of the header, and the service does not
def test_one_token_has_two_places_at_nginx(stack: Stack, behind: str) -> None:
    slow = stack.register()
    with slow_imports(slow, MANY, slow.token + behind) as clients:
        refused = [read_problem(sock)[1]["code"] for sock in answered(clients, MANY - OF_A_TOKEN)]

    assert_refused(refused, MANY - OF_A_TOKEN)


@every("length, of_an_address", [(SHORT, OF_AN_ADDRESS), (LONG, 2)])
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


def test_slow_imports_and_readers_keep_nobody_from_reading_and_importing(stack: Stack) -> None:
    slow, reader, other = stack.register(), stack.register(), stack.register()
    assert import_file(reader, ROWS).status_code == 200
    with ExitStack() as holding:
        holding.enter_context(slow_clients(reader, reads=["/books?limit=200"] * READERS))
        holding.enter_context(slow_imports(slow, MANY, ""))
        holding.enter_context(slow_imports(slow, UPLOADS, slow.token))
        answers = Counter(reader.get("/books").status_code for _ in range(TIMES))
        imported = import_file(other, ROWS)

    assert answers == {200: TIMES}
    assert imported.json() == {"created": COUNT, "skipped": 0}

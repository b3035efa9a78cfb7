"""Raw bytes to both services: never a 5xx of ours, a problem document where we answer, and life goes on."""

import http.client
import json
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import pytest

from tests.common.wire import send
from tests.people import EVERY_PROBLEM, PASSWORD, book
from tests.resilience.alone import make_pair, somebody
from tests.resilience.raw_vectors import ANY, GOOD, HEALTH, VECTORS, Vector
from tests.served import ServedPair

TIMEOUT = 4  # seconds for an answer
ONE_TOO_MANY = 0.01  # seconds for an answer that must not come
ROUTES = {"auth": (b"/me", b"/login"), "books": (b"/books", b"/books")}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


# Granian is not held to what each answer is: what it lets through is asked of one service.
each_way = pytest.mark.parametrize(
    ("pair", "service"),
    [("gunicorn", "auth"), ("gunicorn", "books"), ("granian", "books")],
    indirect=["pair"],
    scope="module",
)


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPair]:
    with make_pair(tmp_path_factory.mktemp("raw"), "auth", "books", SERVER=request.param) as pair:
        yield pair.start()


@each_way
@pytest.mark.parametrize("group", VECTORS)
def test_whatever_is_sent_is_answered_and_the_service_goes_on(
    pair: ServedPair, service: str, group: str
) -> None:
    logged = pair.log(service).stat().st_size
    wrong = []
    for vector in VECTORS[group]:
        expected = [expected_status(status, service) for status in vector.statuses]
        answers = exchange(pair, service, vector)
        if not all(map(is_right, answers)) or not fits(pair, vector, answers, expected):
            got = [answer.status for answer in answers]
            wrong.append(f"{vector.sent[:200]!r} is answered with {got}, not {expected}")
        after = exchange(pair, service, Vector(HEALTH, (200,)))
        assert [(answer.status, answer.headers["Server"]) for answer in after] == [(200, "bookstore")]

    assert not wrong, "\n".join(wrong)
    assert complaints(pair.log(service).read_bytes()[logged:]) == []


@each_way
def test_the_server_itself_names_its_methods(pair: ServedPair, service: str) -> None:
    """`OPTIONS *` asks the server, which hands it on."""
    answer = send(pair, service, "OPTIONS *")

    assert answer.status_code == 204
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def complaints(log: bytes) -> list[str]:
    """Return what a log says that is worse than a warning, each line being JSON."""
    lines = [json.loads(line) for line in log.splitlines()]
    return [str(line) for line in lines if line["level"] not in ("info", "warning")]


def expected_status(status: int, service: str) -> int:
    """Say what GOOD means: a book is made; or a login refused, for which its body was understood."""
    if status != GOOD:
        return status
    return 201 if service == "books" else 401


def fits(pair: ServedPair, vector: Vector, answers: list[Answer], expected: list[int]) -> bool:
    """Tell whether these are the answers to what was sent.

    Granian lets more through than gunicorn does, and closes early if the client ends its side. It may, as
    long as no answer is one too many, and what is good is taken.
    """
    if pair.environment["SERVER"] == "gunicorn" or (GOOD in vector.statuses and not vector.ends):
        return is_as_expected(answers, expected)
    return len(answers) <= max(1, len(expected))


def is_as_expected(answers: list[Answer], expected: list[int]) -> bool:
    return len(answers) == len(expected) and all(
        wanted in (ANY, answer.status) for answer, wanted in zip(answers, expected, strict=True)
    )


def is_right(answer: Answer) -> bool:
    """Tell whether an answer is one that the server or the application may give to anything."""
    shown = str(answer.headers) + answer.body.decode("latin1")
    if answer.status in (500, 502, 503, 504) or "unicorn" in shown or "erkzeug" in shown or "/lib/" in shown:
        return False
    if answer.status < 400 or "X-Request-ID" not in answer.headers:
        return not 300 <= answer.status < 400
    if answer.headers["Content-Type"] != "application/problem+json":
        return False
    if not answer.body:  # to HEAD
        return True
    problem = json.loads(answer.body)
    return problem["status"] == answer.status and set(problem) >= EVERY_PROBLEM


def exchange(pair: ServedPair, service: str, vector: Vector) -> list[Answer]:
    """Send the bytes; return the answers, of which there may be none."""
    sent = fill(service, vector.sent, somebody(pair).token)
    with socket.create_connection(("127.0.0.1", pair.ports[service]), timeout=TIMEOUT) as sock:
        sock.sendall(sent)
        if vector.ends:
            sock.shutdown(socket.SHUT_WR)
        answers = read_answers(sock, to_head=sent.startswith(b"HEAD"))
        found: list[Answer] = []
        with suppress(TimeoutError):  # a server may wait for the rest of what is broken
            found.extend(islice(answers, max(1, len(vector.statuses))))
            sock.settimeout(ONE_TOO_MANY)
            found.extend(answers)
        return found


def read_answers(sock: socket.socket, *, to_head: bool) -> Iterator[Answer]:
    """Read answers until the server closes."""
    with sock.makefile("rb") as stream:
        while (first := stream.readline()).startswith(b"HTTP/"):
            headers = http.client.parse_headers(stream)
            length = 0 if to_head else int(headers.get("Content-Length", "0"))
            yield Answer(int(first.split()[1]), headers, stream.read(length))


def fill(service: str, template: bytes, token: str) -> bytes:
    """Put what the service needs in the places that are left for it, at once: a token may have HEX in it."""
    read, write = ROUTES[service]
    login = {"name": secrets.token_hex(8), "password": PASSWORD}
    body = json.dumps(book() if service == "books" else login).encode()
    bearer = f"Authorization: Bearer {token}\r\n".encode() if service == "books" else b""
    values = {
        b"READ": read,
        b"WRITE": write,
        b"AUTH": bearer,
        b"LENGTH": b"%d" % len(body),
        b"HEX": b"%x" % len(body),
        b"EACH": b"".join(b"1\r\n%c\r\n" % byte for byte in body),
        b"BODY": body,
    }
    return re.sub(b"|".join(values), lambda place: values[place[0]], template)

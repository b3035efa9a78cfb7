"""Raw bytes to books: never a 5xx of ours, a problem document where we answer, and life goes on."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import pytest

from tests.common.wire import send
from tests.pair import SERVERS
from tests.people import EVERY_PROBLEM, book
from tests.resilience.alone import make_pair, somebody
from tests.resilience.raw_vectors import ANY, GOOD, HEALTH, VECTORS, Vector
from tests.served import ServedPair

TIMEOUT = 4  # seconds for an answer
ONE_TOO_MANY = 0.01  # seconds for an answer that must not come


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@pytest.fixture(scope="module", params=SERVERS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPair]:
    """Return books on a server."""
    with make_pair(tmp_path_factory.mktemp("raw"), "books", SERVER=request.param) as pair:
        yield pair.start("books")


@pytest.mark.parametrize("group", VECTORS)
def test_whatever_is_sent_is_answered_and_the_service_goes_on(pair: ServedPair, group: str) -> None:
    token, logged = somebody(pair).token, pair.log("books").stat().st_size
    wrong = []
    for vector in VECTORS[group]:
        answers = exchange(pair, token, vector)
        if not all(map(is_right, answers)) or not fits(pair, vector, answers):
            got = [answer.status for answer in answers]
            wrong.append(f"{vector.sent[:200]!r} is answered with {got}, not {vector.statuses}")
    (after,) = exchange(pair, token, Vector(HEALTH, (200,)))

    assert not wrong, "\n".join(wrong)
    assert (after.status, after.headers["Server"]) == (200, "bookstore")
    lines = pair.log("books").read_bytes()[logged:].splitlines()
    assert {json.loads(line)["level"] for line in lines} <= {"info", "warning"}


def test_the_server_itself_names_its_methods(pair: ServedPair) -> None:
    """`OPTIONS *` asks the server, which hands it on."""
    answer = send(pair, "books", "OPTIONS *")

    assert answer.status_code == 204
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def fits(pair: ServedPair, vector: Vector, answers: list[Answer]) -> bool:
    """Tell whether these are the answers to what was sent.

    Granian lets more through than gunicorn does, and closes early if the client ends its side. It may, as
    long as no answer is one too many, and what is good is taken.
    """
    if pair.environment["SERVER"] == "granian" and (GOOD not in vector.statuses or vector.ends):
        return len(answers) <= max(1, len(vector.statuses))
    return len(answers) == len(vector.statuses) and all(
        expected in (ANY, answer.status) for answer, expected in zip(answers, vector.statuses, strict=True)
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


def exchange(pair: ServedPair, token: str, vector: Vector) -> list[Answer]:
    """Send the bytes; return the answers, of which there may be none."""
    sent = fill(vector.sent, token)
    with socket.create_connection(("127.0.0.1", pair.ports["books"]), timeout=TIMEOUT) as sock:
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


def fill(template: bytes, token: str) -> bytes:
    """Put a book and a token in the places that are left for them, at once: a token may have HEX in it."""
    body = json.dumps(book()).encode()
    values = {
        b"AUTH": f"Authorization: Bearer {token}\r\n".encode(),
        b"LENGTH": b"%d" % len(body),
        b"HEX": b"%x" % len(body),
        b"EACH": b"".join(b"1\r\n%c\r\n" % byte for byte in body),
        b"BODY": body,
    }
    return re.sub(b"|".join(values), lambda place: values[place[0]], template)

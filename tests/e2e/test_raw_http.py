"""Raw bytes to nginx: whatever they are, a service is asked only what nginx has understood.

Of both services it is one configuration.
"""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from urllib.parse import urlsplit

import pytest

from tests.e2e.nginx import addresses
from tests.e2e.stack import Stack
from tests.people import Person
from tests.resilience.raw_vectors import VECTORS, Vector
from tests.resilience.test_raw_http import Answer, fill, is_right, read_answers

pytestmark = pytest.mark.compose

SILENCE = 1  # seconds without an answer after which nginx waits for more
AT_ONCE = 32


def exchange(reader: Person, vector: Vector) -> list[Answer]:
    """Send the bytes, and return all answers until nginx closes or waits for more."""
    sent, answers = fill(vector.sent, reader.token), []
    address = ("127.0.0.1", urlsplit(reader.pair.url("books")).port)
    with suppress(TimeoutError, ConnectionError), socket.create_connection(address, SILENCE) as sock:
        sock.sendall(sent)
        if vector.ends:
            sock.shutdown(socket.SHUT_WR)
        for answer in read_answers(sock, to_head=sent.startswith(b"HEAD")):
            answers.append(answer)  # noqa: PERF402 - what was read before an error counts
    return answers


def test_whatever_is_sent_has_one_answer_and_nothing_is_smuggled(stack: Stack) -> None:
    vectors = list(chain.from_iterable(VECTORS.values()))
    reader, logged = stack.register(), len(stack.logs("books").splitlines())

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(partial(exchange, reader), vectors))

    wrong = [
        f"{vector.sent[:200]!r} is answered with {[answer.status for answer in given]}"
        for vector, given in zip(vectors, answers, strict=True)
        if len(given) > max(1, len(vector.statuses)) or not all(map(is_right, given))
    ]
    assert not wrong, "\n".join(wrong)
    lines = [json.loads(line.split("|", 1)[1]) for line in stack.logs("books").splitlines()[logged:]]
    assert {line["level"] for line in lines} <= {"debug", "info", "warning"}
    # What is smuggled has no X-Forwarded-For of nginx, so it would seem to come from nginx itself.
    assert len(lines) > len(vectors) / 2  # nginx refuses the others
    assert not addresses(stack, "nginx") & {line.get("client") for line in lines}

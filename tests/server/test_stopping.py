"""How a server stops: no answer is lost, nobody waits for idle connections, and nothing is left behind."""

import json
import signal
import socket
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.common.log_lines import all_lines
from tests.people import book
from tests.ports import is_open
from tests.resilience.alone import make_pair, somebody
from tests.resilience.raw_vectors import HEALTH
from tests.served import ServedPair
from tests.waiting import wait_until

TIME = 20  # seconds to stop: below gunicorn's 25, after which it kills
BODY = json.dumps(book()).encode()


def connect(pair: ServedPair, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", pair.ports["books"]), TIME)
    connection.sendall(sent)
    return connection


def status(connection: socket.socket) -> int:
    """Read an answer to its end."""
    with HTTPResponse(connection) as response:
        response.begin()
        response.read()
        return response.status


@pytest.mark.parametrize(("server", "queued"), [("gunicorn", 20), ("granian", 0)])
def test_a_stop_answers_what_was_sent_waits_for_no_idle_connection_and_leaves_nothing_behind(
    tmp_path: Path, server: str, queued: int
) -> None:
    with make_pair(tmp_path, "books", SERVER=server, WEB_CONCURRENCY="1", THREADS="1") as pair:
        process = pair.start("books").processes["books"]
        assert list(tmp_path.glob("bookstore-metrics-*/*.db"))
        with connect(pair, HEALTH) as idle:
            assert status(idle) == 200
            with ExitStack() as stack:
                busy = stack.enter_context(connect(pair, a_head(pair)))
                assert busy.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
                others = [stack.enter_context(connect(pair, HEALTH)) for _ in range(queued)]
                process.send_signal(signal.SIGTERM)
                wait_until(lambda: not is_open(pair.ports["books"]), "new connections are taken")
                process.send_signal(signal.SIGTERM)  # once more, as supervisors do
                busy.sendall(BODY)

                assert status(busy) == 201
                assert [status(each) for each in others] == [200] * queued
            assert process.wait(TIME) == 0
            assert idle.recv(1) == b""
    assert not list(tmp_path.glob("bookstore-metrics-*"))
    assert [line["event"] for line in all_lines(pair.log("books").read_text())] == ["request"]


def a_head(pair: ServedPair) -> bytes:
    """Return the head of a request that says when it waits, in a thread, for its body."""
    lines = [f"x-access-tokens: {somebody(pair).token}", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(BODY)}", "Expect: 100-continue", "", ""]
    return "\r\n".join(["POST /books HTTP/1.1", "Host: x", *lines]).encode()

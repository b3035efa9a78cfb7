"""Clients that send, take or close slowly: they may not keep others waiting."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.server.served import (
    CHUNKED,
    CHUNKED_HEAD,
    GET,
    POST,
    Server,
    closed,
    reply,
    serving,
    status,
)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that waits for a client no longer than a second."""
    folder = tmp_path_factory.mktemp("impatient")
    with serving(folder, TEST_REQUEST_TIME=1, TEST_STALL_TIME=1) as server:
        yield server


def test_slow_clients_do_not_keep_others_waiting(server: Server) -> None:
    starts = [
        b"",
        GET[:-2],
        POST[:-1],
        CHUNKED[:-9],
        CHUNKED_HEAD + b"10000\r\n",
        POST.replace(b": 5", b": 65536"),
        CHUNKED_HEAD.replace(b"chunked", b"gzip, chunked"),
        CHUNKED_HEAD.replace(b"chunked", b"identity\r\nTransfer-Encoding: chunked"),
        CHUNKED_HEAD + b"1\r\nx\r\n" * 22_000,
    ]
    with ExitStack() as stack:
        for start in starts * 10:
            stack.enter_context(server.send(start))

        assert all(server.index() for _ in range(20))


def test_clients_that_do_not_close_do_not_keep_others_waiting(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(server.send(GET[:-2] + b"Connection: close\r\n\r\n"))
            assert status(sock) == 200

        assert all(server.index() for _ in range(20))


def test_a_request_that_drags_on_is_ended_with_408(impatient: Server) -> None:
    with ExitStack() as stack:
        silent, *slow = [
            stack.enter_context(impatient.send(start)) for start in (b"", GET[:-2], POST[:-1], CHUNKED[:-9])
        ]

        assert [status(sock) for sock in slow] == [408, 408, 408]
        assert closed(silent)


def test_a_long_body_that_stalls_is_ended_with_408(impatient: Server) -> None:
    start = POST.replace(b"/read", b"/import").replace(b": 5", b": 100000")
    with impatient.send(start) as sock:
        assert status(sock) == 408
        assert closed(sock)


def test_a_kept_connection_may_be_idle_for_longer_than_a_request(impatient: Server) -> None:
    with impatient.send(GET) as kept, impatient.connect() as silent:
        reply(kept)
        assert closed(silent)  # after the time for a request
        kept.sendall(POST)

        assert reply(kept)[1] == b"5"

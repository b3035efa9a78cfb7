"""What the server makes of requests, the good and the broken."""

import http.client
import json
import socket
from contextlib import closing

import pytest

from tests.server.served import (
    CHUNKED,
    CHUNKED_HEAD,
    GET,
    PATIENCE,
    POST,
    Server,
    closed,
    receive,
    reply,
    status,
)


def test_an_answer_names_no_software(server: Server) -> None:
    with server.send(GET) as sock:
        head, _ = reply(sock)

    assert b"\r\nserver: bookstore\r\n" in head.lower()
    assert b"unicorn" not in head.lower()
    assert b"granian" not in head.lower()


def test_no_client_is_believed_to_be_a_proxy(server: Server) -> None:
    forged = b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\nScript_Name: /x\r\nScript-Name: /x\r\n\r\n"
    with server.send(GET[:-2] + forged) as sock:
        answer = json.loads(reply(sock)[1])

    assert (answer["scheme"], answer["root"]) == ("http", "")


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED], ids=["get", "length", "chunked"])
def test_a_request_may_come_a_byte_at_a_time(server: Server, request_bytes: bytes) -> None:
    with server.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request_bytes:
            sock.sendall(bytes([byte]))

        assert status(sock) == 200


def test_requests_sent_together_are_answered_in_turn(server: Server) -> None:
    with server.send(POST + CHUNKED + GET + POST[:-1]) as sock:
        assert [reply(sock)[1], reply(sock)[1]] == [b"5", b"5"]
        assert b"process" in reply(sock)[1]
        sock.sendall(POST[-1:])
        assert reply(sock)[1] == b"5"


def test_a_client_that_ended_its_side_is_answered(gunicorn: Server) -> None:
    with gunicorn.send(POST) as sock:
        sock.shutdown(socket.SHUT_WR)

        assert reply(sock)[1] == b"5"
        assert closed(sock)


@pytest.mark.parametrize("before", [b"", POST], ids=["first", "sent with the one before"])
def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_once(server: Server, before: bytes) -> None:
    head = POST[:-7] + b"\r\nExpect: 100-Continue\r\n\r\n"
    with server.send(before + head.replace(b"5\r\n\r\n", b"5\r\n")) as sock:
        for _ in before[:1]:
            assert reply(sock)[1] == b"5"
        asked = b"".join(receive(sock) for _ in range(25))
        sock.sendall(b"hello")

        assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
        head, body = reply(sock)
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body == b"5"


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (CHUNKED_HEAD + b"zz\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED_HEAD + b"-5\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED_HEAD + b"5\r\nhelloXX0\r\n\r\n", 400),
        (CHUNKED_HEAD + b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n", 400),
        (CHUNKED_HEAD + b"5" * 9000, 400),
        (CHUNKED_HEAD.replace(b"chunked", b"gzip") + b"x", 400),
        (CHUNKED_HEAD[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (POST.replace(b": 5", b": five"), 400),
        (POST.replace(b": 5", b": " + b"9" * 5000), 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (GET[:-2] + b"A: " + b"x" * 8190 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 9000 + GET[5:], 414),
    ],
)
def test_a_broken_request_is_refused_and_its_connection_closed(
    gunicorn: Server, request_bytes: bytes, expected: int
) -> None:
    with gunicorn.send(request_bytes) as sock:
        assert status(sock) == expected
        assert closed(sock)


def test_an_answer_that_cannot_be_sent_is_not_the_clients_error(gunicorn: Server) -> None:
    with gunicorn.send(GET.replace(b"/ ", b"/bad-header ")) as sock:
        assert status(sock) == 500


@pytest.mark.parametrize("request_bytes", [POST[:-1], CHUNKED[:-9]], ids=["length", "chunked"])
def test_a_body_that_ends_too_early_is_the_clients_error(gunicorn: Server, request_bytes: bytes) -> None:
    with gunicorn.send(request_bytes) as sock:
        sock.shutdown(socket.SHUT_WR)

        assert status(sock) == 400


def test_a_body_shorter_than_announced_is_the_clients_error(server: Server) -> None:
    with server.send(POST[:-1]) as sock:
        sock.shutdown(socket.SHUT_WR)

        assert status(sock) == 400


def test_a_long_body_is_read_by_the_application(server: Server) -> None:
    body = b"x" * 3_000_000
    with closing(http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)) as connection:
        connection.request("POST", "/import", body)
        assert connection.getresponse().read() == b"3000000"

        connection.request("POST", "/import", iter([body, body]), encode_chunked=True)
        assert connection.getresponse().read() == b"6000000"


def test_what_is_no_request_writes_nothing_into_the_log(gunicorn: Server) -> None:
    before = len(gunicorn.complaints().encode())
    with gunicorn.send(b"GET /\x1b[31m\r\x0b{ HTTP/1.1\r\nHost: x\r\n\r\n") as sock:
        assert status(sock) == 400

    assert not gunicorn.complaints().encode()[before:]


def test_a_body_that_is_too_long_is_refused_before_it_ends(gunicorn: Server) -> None:
    with gunicorn.send(CHUNKED_HEAD + b"8000\r\n%s\r\n" % (b"x" * 0x8000) * 3) as sock:
        assert status(sock) == 413

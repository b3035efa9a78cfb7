"""Requests as bytes: what no polite client would send."""

import io
import socket
from collections.abc import Sequence
from http.client import HTTPResponse

import requests

from tests.in_process import applications, exchange
from tests.pair import Pair

TIMEOUT = 10  # seconds


def send(
    pair: Pair,
    service: str,
    request_line: str,
    headers: Sequence[str | bytes] = (),
    body: bytes = b"",
) -> requests.Response:
    """Send a request to the letter, over a connection of its own, and return the answer."""
    lines = [f"{request_line} HTTP/1.1", "Host: test", "Connection: close", *headers]
    head = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return send_bytes(pair, service, head + b"\r\n\r\n" + body)


def send_bytes(pair: Pair, service: str, message: bytes) -> requests.Response:
    """Send `message` as it is, over a connection of its own if there is a server, and return the answer."""
    if pair.host(service) in applications:
        return _answer(exchange(pair.host(service), message))
    host, _, port = pair.host(service).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as connection:
        connection.sendall(message)
        with HTTPResponse(connection, method=message.split(b" ", 1)[0].decode()) as received:
            received.begin()
            return _answer(received)


def _answer(received: HTTPResponse) -> requests.Response:
    answer = requests.Response()
    answer.status_code = received.status
    answer.headers.update(received.getheaders())
    answer.raw = io.BytesIO(received.read())
    return answer

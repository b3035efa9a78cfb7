"""A server without workers: gunicorn reads the requests and writes the answers, in this process.

What a request is and what an answer looks like is gunicorn's own code with the settings of the services.
There are no sockets, no timeouts and no limits of connections.
"""

import io
from http.client import HTTPResponse
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import gunicorn
import requests
from flask import Flask
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict
from urllib3 import HTTPResponse as RawResponse

from common.server import gunicorn_settings

CLIENT = ("127.0.0.1", 50_000)
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

# What answers under which name; a name that is not here is looked for in the network.
applications: dict[str, Flask] = {}


CONFIG = Config()  # gunicorn's settings as the services have them
for name in CONFIG.settings:
    if hasattr(gunicorn_settings, name):
        CONFIG.set(name, getattr(gunicorn_settings, name))


class Wire:
    """The two ends of a connection: what the client has sent, and what it gets."""

    def __init__(self, message: bytes) -> None:
        self._sent = io.BytesIO(message)
        self._answer = io.BytesIO()

    def recv(self, size: int) -> bytes:
        return self._sent.read(size)

    def sendall(self, data: bytes) -> None:
        self._answer.write(data)

    send = sendall

    def makefile(self, *_: object) -> BinaryIO:
        """Return the answer from its beginning, as `http.client` reads it."""
        self._answer.seek(0)
        return self._answer


def exchange(host: str, message: bytes) -> HTTPResponse:
    """Let the application of `host` answer a request to the letter; return the answer, its head read."""
    wire, app = Wire(message), applications[host]
    try:
        request = next(RequestParser(CONFIG, wire, CLIENT))
    except ParseException:
        wire.sendall(REFUSED)  # whatever a worker would say of it
        return received(wire, "GET")
    gunicorn_settings.pre_request(None, request)
    response, environ = create(request, wire, CLIENT, (host, "80"), CONFIG)
    response.version = gunicorn.SERVER  # which was imported before the services set it
    body = app(environ, response.start_response)
    try:
        for part in body:
            response.write(part)
        response.close()
    finally:
        getattr(body, "close", bool)()
    return received(wire, request.method)


def received(wire: Wire, method: str) -> HTTPResponse:
    answer = HTTPResponse(cast("Any", wire), method=method)
    answer.begin()
    return answer


class Adapter(HTTPAdapter):
    """Sends a request to an application of this process, if there is one of that name."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        host = urlsplit(request.url or "").netloc
        if host not in applications:
            return super().send(request, *args, **options)
        answer = exchange(host, message_of(request, host))
        raw = RawResponse(
            io.BytesIO(answer.read()),
            HTTPHeaderDict(answer.getheaders()),
            answer.status,
            reason=answer.reason,
            preload_content=False,
            enforce_content_length=False,
        )
        return self.build_response(request, raw)


def message_of(request: requests.PreparedRequest, host: str) -> bytes:
    """Return what `requests` would write on the connection."""
    headers = {"Host": host, "User-Agent": "requests"} | dict(request.headers)
    head = [f"{request.method} {request.path_url} HTTP/1.1".encode()]
    head += [as_bytes(name) + b": " + as_bytes(value) for name, value in headers.items()]
    return b"\r\n".join([*head, b"", body_of(request)])


def body_of(request: requests.PreparedRequest) -> bytes:
    body: Any = request.body or b""
    if isinstance(body, str | bytes):
        return as_bytes(body)
    if "Content-Length" in request.headers:
        return bytes(body.read())
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in body if part]
    return b"".join([*chunks, b"0\r\n\r\n"])


def as_bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text

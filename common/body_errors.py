"""Owns what becomes of a body that the client broke: 400 or 408, not an error of ours."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MESSAGE = "the body of the request is broken"
BROKEN = (ParseException, OSError)  # a timeout is one of the latter


class BodyErrors:
    """WSGI middleware: a body that the client broke is its error, 400 or 408, not ours."""

    def __init__(self, app: "WSGIApplication") -> None:
        self.app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH")
        if length or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = Body(environ["wsgi.input"], int(length or 0))
        return self.app(environ, start_response)


class Body:
    """A request's body, whose errors are werkzeug's; to end before its announced length is one, too."""

    def __init__(self, stream: Any, length: int) -> None:
        self.stream = stream
        self.missing = length  # bytes

    def read(self, size: int = -1) -> bytes:
        try:
            data = bytes(self.stream.read(size))
        except BROKEN as error:
            raise client_error(error) from error
        self.count(data, ended=size < 0 or len(data) < size)
        return data

    def readline(self, size: int = -1) -> bytes:
        try:
            line = bytes(self.stream.readline(size))
        except BROKEN as error:
            raise client_error(error) from error
        self.count(line, ended=line[-1:] != b"\n" and (size < 0 or len(line) < size))
        return line

    def count(self, data: bytes, *, ended: bool) -> None:
        """Note that `data` came, and whether it is the last of the body."""
        self.missing -= len(data)
        if ended and self.missing > 0:
            raise BadRequest("the body of the request is cut off")

    def readlines(self, _hint: int = -1) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


def client_error(error: Exception) -> HTTPException:
    """Return what the client is told of what went wrong while it sent."""
    return RequestTimeout() if isinstance(error, TimeoutError) else BadRequest(MESSAGE)

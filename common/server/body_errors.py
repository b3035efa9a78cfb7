"""Bodies as a server hands them on: one that the client broke is 400 or 408, and none is left unread."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import RequestTimeout
from werkzeug.wsgi import ClosingIterator

from common.errors import BrokenBody

MAX_DISCARDED = 32 * 1024 * 1024  # bytes: twice the longest body that any route takes
PIECE = 64 * 1024  # bytes


class BodyErrors:
    """WSGI middleware: a body that the client broke is its error, and a refused body is still read.

    A server closes a connection that is not read to the end of a body, which may take the answer away from a
    client that still sends, and the connection from its next request.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH")
        if not length and "HTTP_TRANSFER_ENCODING" not in environ:
            return self.app(environ, start_response)
        environ["wsgi.input"] = body = Body(environ["wsgi.input"], int(length or 0))
        return ClosingIterator(self.app(environ, start_response), body.discard_rest)


class Body:
    """A request's body, whose errors have an answer; to end before its announced length is one, too."""

    def __init__(self, stream: Any, length: int) -> None:
        self.stream = stream
        self.missing = length  # bytes

    def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or all that are left."""
        try:
            data = bytes(self.stream.read(size))
        except TimeoutError as error:
            raise RequestTimeout from error
        except (ParseException, OSError) as error:
            raise BrokenBody from error
        self.missing -= len(data)
        if self.missing > 0 and (size < 0 or len(data) < size):
            raise BrokenBody("the body of the request is cut off")
        return data

    def discard_rest(self) -> None:
        """Read what the application left, behind the answer, unless it is longer than `MAX_DISCARDED`."""
        if self.missing > MAX_DISCARDED:
            return
        with suppress(BrokenBody, RequestTimeout):
            for _ in range(MAX_DISCARDED // PIECE):
                if not self.read(PIECE):
                    return

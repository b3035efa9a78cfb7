"""Owns how an answer leaves: its head with the beginning of its body, in one system call and one packet."""

import time
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from gunicorn.http import wsgi


@lru_cache(maxsize=1)
def date_at(second: int) -> str:
    """Return the value of `Date` (RFC 9110 section 6.6.1) for all answers of one `second`."""
    return formatdate(second, usegmt=True)


class Response(wsgi.Response):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's response, whose head waits for the body."""

    headers_sent: bool
    head = b""  # that was not sent yet

    def send_headers(self) -> None:
        """Make the head, once."""
        if not self.headers_sent:
            lines = self.default_headers() + [f"{name}: {value}\r\n" for name, value in self.headers]
            self.head = ("".join(lines) + "\r\n").encode("latin-1")
            self.headers_sent = True

    def default_headers(self) -> list[str]:
        """Return the lines in front of the application's."""
        major, minor = self.req.version
        lines = [
            f"HTTP/{major}.{minor} {self.status}\r\n",
            f"Server: {self.version}\r\n",
            f"Date: {date_at(int(time.time()))}\r\n",
            f"Connection: {'close' if self.should_close() else 'keep-alive'}\r\n",
        ]
        return [*lines, "Transfer-Encoding: chunked\r\n"] if self.chunked else lines

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            self.send_head()
            super()._emit_body(data)
        else:
            head, self.head = self.head, b""
            self.sock.sendall(head + data)

    def sendfile(self, _: Any) -> bool:
        """Leave files to `write`."""
        return False

    def close(self) -> None:
        """Send what is still to be sent."""
        self.send_headers()
        self.send_head()
        super().close()

    def send_head(self) -> None:
        """Send the head of an answer whose body is none, or comes in chunks."""
        if self.head:
            head, self.head = self.head, b""
            self.sock.sendall(head)

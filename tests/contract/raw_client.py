"""An HTTP client that sends exactly the header bytes it is given, over one connection that it keeps."""

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPResponse, RemoteDisconnected
from typing import Any, Self
from urllib.parse import urlsplit

from tests.contract.recipes import Key

TIMEOUT = 10  # seconds
PATHS = {"auth": "/me", "books": "/books"}


@dataclass(frozen=True)
class Answer:
    """What came back; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Decode the body."""
        return json.loads(self.body)


class RawClient:
    """Send requests that a polite client would refuse to send."""

    def __init__(self, base_url: str) -> None:
        address = urlsplit(base_url)
        self._address = (address.hostname or "127.0.0.1", address.port or 80)
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one; the next request opens another."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def get(self, target: str, headers: Sequence[tuple[str, str | bytes]], body: bytes = b"") -> Answer:
        """Send a GET; a connection that the server closed in the meantime is opened again."""
        message = self._message(target, headers, body)
        kept = self._socket is not None
        try:
            return self._exchange(message)
        except (RemoteDisconnected, ConnectionError):
            self.close()
            if not kept:
                raise
        return self._exchange(message)

    def _message(self, target: str, headers: Sequence[tuple[str, str | bytes]], body: bytes) -> bytes:
        host, port = self._address
        lines = [f"GET {target} HTTP/1.1".encode(), f"Host: {host}:{port}".encode()]
        for name, value in headers:
            lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
        if body:
            lines += [b"Content-Type: application/json", f"Content-Length: {len(body)}".encode()]
        return b"\r\n".join([*lines, b"", body])

    def _exchange(self, message: bytes) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=TIMEOUT)
        self._socket.sendall(message)
        response = HTTPResponse(self._socket, method="GET")
        response.begin()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
        if response.will_close:
            self.close()
        return answer


@dataclass(frozen=True)
class TokenProbe:
    """A running pair, its keys, and a user who logged in: all that the corpus needs."""

    auth: RawClient
    books: RawClient
    keys: Sequence[Key]  # two of them: the first signs, the second only verifies
    public_id: str
    session_id: str
    issued_token: str = field(repr=False)  # as POST /login gave it

    def call(
        self, service: str, headers: Sequence[tuple[str, str | bytes]], *, query: str = "", body: bytes = b""
    ) -> Answer:
        """Ask a guarded route of the service."""
        client = {"auth": self.auth, "books": self.books}[service]
        return client.get(PATHS[service] + (f"?{query}" if query else ""), headers, body)

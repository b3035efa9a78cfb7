"""Owns a client's connection: what has arrived on it, and how the rest of a long body is read."""

import io
import socket
import struct
import time
from contextlib import suppress
from typing import Any

from gunicorn.http import Request, RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from common.arrival import MAX_BODY, Arrival, Verdict

SEND_BUFFER = 256 * 1024  # bytes: a page of 200 books leaves the thread at once, however slowly it is read
RECEIVE = 16 * 1024  # bytes read at once
LONG_BODY_TIME = 300.0  # seconds for the rest of a longer body, which a thread waits for
STALL_TIME = 10  # seconds that a thread waits for a client to send or to take anything at all
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Unreader(SocketUnreader):  # type: ignore[misc]  # gunicorn ships no types
    """Reads what was gathered, then the rest of a long body from the client, for so long and no longer."""

    deadline: float | None = None  # None: there is no rest, and a parser that wants one has a broken request

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.gathered = io.BytesIO()

    def chunk(self, size_hint: int | None = None) -> bytes:
        # In pieces, for the parser copies what is left of one at each chunk of a body.
        if piece := self.gathered.read(max(self.mxchunk, min(size_hint or 0, MAX_BODY))):
            return piece
        if self.deadline is None:
            return b""
        if time.monotonic() > self.deadline:
            raise TimeoutError("the body took too long")
        try:
            return bytes(super().chunk(size_hint))
        except BlockingIOError as error:  # SO_RCVTIMEO
            raise TimeoutError("the client stopped sending") from error

    def take_buffered(self) -> bytes:
        return bytes(super().take_buffered()) + self.gathered.read()


class StrangerRequest(Request):  # type: ignore[misc]  # gunicorn ships no types
    """A request of a client that may not say where it came from: `forwarded_allow_ips` names nobody."""

    def _peer_is_trusted_proxy(self) -> bool:
        return False  # without taking its address apart, to look for it in an empty list


class Parser(RequestParser):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's parser of a connection's requests."""

    mesg_class = StrangerRequest


class Connection(TConn):  # type: ignore[misc]  # gunicorn ships no types
    """A client's connection, and what has arrived of its next request."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        stall = struct.pack("ll", STALL_TIME, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, stall)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stall)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.parser = Parser(cfg, sock, client)
        self.parser.unreader = Unreader(sock)
        self.initialized = True  # there is no TLS and no HTTP/2 to find out about
        self.arrival = Arrival()
        self.begun = False  # its next request
        self.last = False  # no further request after this one
        self.closing = False

    def receive(self) -> Verdict:
        """Read what is there, without waiting."""
        try:
            data = self.sock.recv(RECEIVE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return Verdict.WAIT
        except OSError:
            return Verdict.CLOSE
        if not data:
            return Verdict.TAKE_LAST if self.begun else Verdict.CLOSE
        return Verdict.WAIT if self.closing else self.arrive(data)

    def arrive(self, data: bytes) -> Verdict:
        """Judge `data`, the next bytes of a request."""
        self.begun = True
        verdict = self.arrival.add(data)
        if self.arrival.expects:
            self.arrival.expects = False
            with suppress(OSError):  # whoever went away is found out at the next read
                self.sock.send(CONTINUE, socket.MSG_DONTWAIT)
        return verdict

    def hand_over(self, *, last: bool) -> None:
        """Give the parser what was gathered."""
        self.last = last
        self.parser.mesg = None  # the request before is through: nothing of its body is left to look for
        self.parser.unreader.gathered = io.BytesIO(self.arrival.data)
        self.parser.unreader.deadline = time.monotonic() + LONG_BODY_TIME if self.arrival.long else None
        self.arrival = Arrival()
        self.begun = False

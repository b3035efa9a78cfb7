"""Owns how requests come in: the listening sockets, and the worker that gathers requests without threads."""

import ctypes
import enum
import errno
import mmap
import re
import socket
import struct
import sys
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn import util
from gunicorn.http import get_parser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from common.settings import Misconfigured

BACKLOG = 1024  # connections a socket may have waiting to be accepted
RECEIVE = 16 * 1024  # bytes read at once
MAX_HEAD = 64 * 1024  # bytes; gunicorn's own limits for a line and a field are lower
MAX_BODY = 64 * 1024  # bytes of a body that are gathered before a thread takes the request
MAX_CHUNK_LINE = 8190  # bytes
REQUEST_TIME = 20.0  # seconds from the first byte of a request to the last that is gathered
STOP_TIME = 5.0  # the same while the worker stops
LONG_BODY_TIME = 300.0  # seconds for the rest of a longer body, which a thread waits for
STALL_TIME = 10  # seconds that a thread waits for a client to send or to take anything at all
LINGER_TIME = 2.0  # seconds for a client to close after us
ROUND = 1.0  # seconds between two looks at what no event tells

FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding):([^\r\n]*)")  # in a head made lower case
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.I)
CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# Linux's number, and a filter that drops a packet with the SYN bit: load the flags, test, drop, keep.
SO_ATTACH_FILTER = 26
NO_SYN = b"".join(
    struct.pack("HBBI", *line)
    for line in [(0x30, 0, 0, 13), (0x45, 0, 1, 2), (6, 0, 0, 0), (6, 0, 0, 0xFFFFFFFF)]
)

_stopping = mmap.mmap(-1, 1)  # one byte that the master and its workers share


def open_listeners(host: str, port: int, count: int, *, prefix: str) -> list[socket.socket]:
    """Return `count` sockets that listen on one address, or raise `Misconfigured` naming the setting.

    It is `prefix` with PORT behind it, AUTH_ or AUTH_METRICS_ for example.

    The kernel spreads connections evenly over them; without that, one worker of two can get nearly all.
    The first is bound alone, so that a port somebody else listens on is refused; only then may others join.
    """
    first = _listen(host, port, prefix)
    if count == 1 or sys.platform != "linux":  # elsewhere the kernel does not spread
        return [first]
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    address = first.getsockname()
    others = [_listen(host, address[1], prefix, share=True) for _ in range(count - 1)]
    return [first, *others]


def _listen(host: str, port: int, prefix: str, *, share: bool = False) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        raise Misconfigured(_refusal(error, host, port, prefix)) from error
    return listener


def _refusal(error: OSError | UnicodeError, host: str, port: int, prefix: str) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"{prefix}PORT: port {port} of {host} is already in use"
    reason = error.strerror if isinstance(error, OSError) else "not a host name"
    host_setting = "METRICS_HOST" if "METRICS" in prefix else "HOST"
    return f"{host_setting} and {prefix}PORT: cannot listen on port {port} of {host}: {reason}"


def take_slot(arbiter: Any, worker: "Worker") -> None:
    """Give a new worker the listener that the fewest others have; in the master, before the fork."""
    taken = [other.slot for other in arbiter.WORKERS.values()]
    worker.slot = min(range(len(arbiter.LISTENERS)), key=taken.count)
    worker.sockets = [arbiter.LISTENERS[worker.slot]]
    worker.neighbours = [listener for listener in arbiter.LISTENERS if listener not in worker.sockets]


def refuse_connections(listeners: list[socket.socket]) -> None:
    """Let in nobody new, while what is already queued can be accepted; for a server that is about to stop.

    Closing a listening socket resets the connections queued in it. A packet that opens one is dropped
    instead, so that its sender tries again a second later, and then is refused or finds the next server.
    """
    _stopping[0] = 1
    if sys.platform == "linux":
        code = ctypes.create_string_buffer(NO_SYN)
        program = struct.pack("HP", len(NO_SYN) // 8, ctypes.addressof(code))
        with suppress(OSError):  # a sandbox may not know it; stopping then resets a few at worst
            for listener in listeners:
                listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


class Verdict(enum.Enum):
    """What to do with a connection, going by what has arrived."""

    WAIT = enum.auto()
    TAKE = enum.auto()  # the request is whole: a thread answers it without waiting for the client
    TAKE_LAST = enum.auto()  # a thread has to see to it, and the connection ends with it
    REFUSE = enum.auto()  # the head is too long
    CLOSE = enum.auto()


class Arrival:
    """What has arrived of one request. It decides when to parse; what it means is for gunicorn's parser."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.body = 0  # where the body begins, once it is known
        self.length: int | None = 0  # of the body; None if it is chunked
        self.chunk = 0  # where the next chunk begins
        self.decoded = 0  # bytes of the body in the chunks before that
        self.broken = False
        self.expects = False  # the client waits for us to say 100

    def add(self, data: bytes) -> Verdict:
        """Take `data`, and say what to do now."""
        searched = len(self.data)
        self.data += data
        if not self.body:
            end = self.data.find(b"\r\n\r\n", max(0, searched - 3))
            if end < 0:
                return self._partial_head()
            self.body = self.chunk = end + 4
            self._read_framing()
        return self._partial_body()

    def _partial_head(self) -> Verdict:
        if len(self.data) > MAX_HEAD:
            return Verdict.REFUSE
        # A bare LF can never become a good head: the parser says so at once.
        return Verdict.WAIT if self.data.count(b"\n") == self.data.count(b"\r\n") else Verdict.TAKE_LAST

    def _read_framing(self) -> None:
        head = self.data[: self.body].lower()
        if b"\r\ncontent-length:" not in head and b"\r\ntransfer-encoding:" not in head:
            return  # the common case, told apart five times as fast as by the expression
        fields = FRAMING.findall(head)
        values = {name: value.strip() for name, value in fields}
        length, coding = values.get(b"content-length"), values.get(b"transfer-encoding")
        self.broken = len(values) < len(fields) or (length is not None and coding is not None)
        if coding is not None:
            self.length = None
            self.broken |= coding != b"chunked"
        elif length is not None:
            self.broken |= not length.isdigit() or len(length) > 18
            self.length = 0 if self.broken else int(length)
        if not self.broken and self._partial_body() is Verdict.WAIT:
            self._answer_expectation()

    def _answer_expectation(self) -> None:
        """Ask for the body here, since gunicorn would only do it when a thread has the request."""
        found = EXPECT.search(self.data, 0, self.body)
        if found and b" HTTP/1.1\r\n" in self.data[: found.start() + 2]:
            del self.data[found.start() : found.end()]
            self.body -= found.end() - found.start()
            self.chunk = self.body
            self.decoded = 0
            self.expects = True

    def _partial_body(self) -> Verdict:
        if self.broken:
            return Verdict.TAKE_LAST
        if self.length is None:
            return self._partial_chunks()
        if self.length > MAX_BODY:
            return Verdict.TAKE_LAST
        return Verdict.TAKE if len(self.data) - self.body >= self.length else Verdict.WAIT

    def _partial_chunks(self) -> Verdict:
        while line := CHUNK.match(self.data, self.chunk):
            size = int(line[1], 16)
            if not size:
                whole = self.data.find(b"\r\n\r\n", line.end() - 2) >= 0
                return Verdict.TAKE if whole else self._more_chunks()
            if self.decoded + min(size, len(self.data) - line.end()) > MAX_BODY:
                return Verdict.TAKE_LAST
            following = line.end() + size + 2
            if following > len(self.data):
                return self._more_chunks()
            if self.data[following - 2 : following] != b"\r\n":
                return Verdict.TAKE_LAST
            self.chunk, self.decoded = following, self.decoded + size
        bad = self.data.find(b"\r\n", self.chunk) >= 0 or len(self.data) - self.chunk > MAX_CHUNK_LINE
        return Verdict.TAKE_LAST if bad else self._more_chunks()

    def _more_chunks(self) -> Verdict:
        # Tiny chunks can make the framing much longer than what is in it.
        return Verdict.WAIT if len(self.data) - self.body <= 2 * MAX_BODY else Verdict.TAKE_LAST


class Unreader(SocketUnreader):  # type: ignore[misc]  # gunicorn ships no types
    """Reads what was gathered, then the rest of a long body from the client, for so long and no longer."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        if time.monotonic() > self.deadline:
            raise TimeoutError("the body took too long")
        try:
            return bytes(super().chunk(size_hint))
        except BlockingIOError as error:  # SO_RCVTIMEO
            raise TimeoutError("the client stopped sending") from error


class Connection(TConn):  # type: ignore[misc]  # gunicorn ships no types
    """A client's connection, and what has arrived of its next request."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        stall = struct.pack("ll", STALL_TIME, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, stall)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stall)
        self.parser = get_parser(cfg, sock, client)
        self.parser.unreader = Unreader(sock)
        self.initialized = True  # there is no TLS and no HTTP/2 to find out about
        self.arrival = Arrival()
        self.begun = False  # its next request
        self.last = False  # no further request after this one
        self.closing = False

    def receive(self) -> Verdict:
        """Read what is there, without waiting."""
        try:
            data = self.sock.recv(RECEIVE)
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
                self.sock.send(CONTINUE)
        return verdict

    def hand_over(self, *, last: bool) -> None:
        """Give the parser what was gathered."""
        self.last = last
        self.parser.unreader.unread(self.arrival.data)
        self.parser.unreader.deadline = time.monotonic() + LONG_BODY_TIME
        self.arrival = Arrival()
        self.begun = False


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's threaded worker, except that no client can make a thread wait before its request is whole.

    The main loop gathers requests and waits for slow closers; threads see whole requests. It accepts from the
    listener of its slot, and once a second from its neighbours, in case one has no worker at the moment.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.slot = 0
        self.neighbours: list[Any] = []
        self.waiting: set[Connection] = set()
        self.next_round = 0.0

    def notify(self) -> None:
        """Once a second tell the master that we live, and see to what no event tells us."""
        now = time.monotonic()
        if now < self.next_round and self.alive:
            return
        self.next_round = now + ROUND
        super().notify()
        for conn in [conn for conn in self.waiting if conn.timeout <= now]:
            self.give_up(conn)
        self.accept_all(self.neighbours if self.alive else [])

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to accept; a worker that stops with the whole server takes what is still queued."""
        super().set_accept_enabled(enabled)
        if not self.alive and _stopping[0]:
            self.accept_all([*self.sockets, *self.neighbours])

    def accept_all(self, listeners: list[Any]) -> None:
        """Take every connection that waits in the queues of `listeners`, up to our limit."""
        for listener in listeners:
            while self.nr_conns < self.worker_connections and self.accept(listener):
                pass

    def accept(self, listener: Any) -> bool:
        """Take a connection, if there is one."""
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        self.nr_conns += 1
        self.wait(Connection(self.cfg, sock, client, listener.getsockname()), REQUEST_TIME)
        return True

    def wait(self, conn: Connection, seconds: float) -> None:
        """Watch `conn` without a thread, for `seconds` at most."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + (seconds if self.alive else min(seconds, STOP_TIME))
        self.waiting.add(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_readable, conn))

    def on_readable(self, conn: Connection, _sock: Any = None) -> None:
        """Read from a connection that is waited for, and go on with it if that was enough."""
        begun = conn.begun
        verdict = conn.receive()
        if verdict is not Verdict.WAIT:
            self.unwatch(conn)
            self.go_on(conn, verdict)
        elif conn.begun and not begun:
            conn.timeout = time.monotonic() + (REQUEST_TIME if self.alive else STOP_TIME)

    def unwatch(self, conn: Connection) -> None:
        """Wait for `conn` no longer."""
        self.waiting.discard(conn)
        self.poller.unregister(conn.sock)

    def go_on(self, conn: Connection, verdict: Verdict) -> None:
        """Do what `verdict` says with a connection that is not waited for."""
        if conn.closing or verdict is Verdict.CLOSE:
            self.drop(conn)
        elif verdict is Verdict.REFUSE:
            self.refuse(conn, 431, "Request Header Fields Too Large")
        else:
            conn.hand_over(last=verdict is Verdict.TAKE_LAST)
            self.enqueue_req(conn)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer a request, in a thread."""
        if conn.last or self.nr_conns > self.max_keepalived:
            req.force_close()
        try:
            return bool(super().handle_request(req, conn))
        except BlockingIOError as error:  # SO_SNDTIMEO: the client takes nothing
            raise NoMoreData from error

    def finish_request(self, conn: Connection, done: Any) -> None:
        """Go on with a connection after an answer, back in the main loop."""
        if done.cancelled() or done.exception() or not done.result():
            self.linger(conn)
            return
        early = conn.parser.unreader.take_buffered()  # the client did not wait for the answer
        verdict = conn.arrive(early) if early else Verdict.WAIT
        if verdict is Verdict.WAIT:
            self.wait(conn, REQUEST_TIME if early else self.keepalive())
        else:
            self.go_on(conn, verdict)

    def keepalive(self) -> float:
        """Return the seconds that a connection may be idle."""
        return float(self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)

    def give_up(self, conn: Connection) -> None:
        """End a wait that was too long; but a request that came at the last moment is still answered."""
        idle = not conn.begun and not conn.closing
        if idle:
            self.on_readable(conn)
        if idle and (conn.arrival.data or conn not in self.waiting):
            return
        self.unwatch(conn)
        if conn.begun and not conn.closing:
            self.refuse(conn, 408, "Request Timeout")
        else:
            self.drop(conn)

    def refuse(self, conn: Connection, status: int, reason: str) -> None:
        """Answer in place of the application, and close."""
        try:
            util.write_error(conn.sock, status, reason, "")
        except OSError:
            self.drop(conn)
        else:
            self.linger(conn)

    def linger(self, conn: Connection) -> None:
        """Close in the way of RFC 9112 section 9.6; gunicorn's own would hold up the main loop for it."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
        else:
            conn.closing = True
            self.wait(conn, LINGER_TIME)

    def drop(self, conn: Connection) -> None:
        """Close at once."""
        self.nr_conns -= 1
        conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """Shorten every wait, for gunicorn stops when the last connection is closed."""
        self.alive = False  # it is not yet if the master died
        for conn in self.waiting:
            grace = STOP_TIME - STOP_KEEPALIVE_LINGER if conn.begun else 0.0
            conn.timeout = min(conn.timeout, deadline + grace)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close what is left when the time to stop is over; `notify` does the rest."""
        for conn in list(self.waiting) if force else ():
            self.unwatch(conn)
            self.drop(conn)

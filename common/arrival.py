"""Owns when a request is whole: it counts bytes, and leaves what they mean to gunicorn's parser."""

import enum
import re

MAX_HEAD = 64 * 1024  # bytes; gunicorn's own limits for a line and a field are lower
MAX_BODY = 64 * 1024  # bytes of a body that are gathered before a thread takes the request
MAX_CHUNK_LINE = 8190  # bytes

FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding):([^\r\n]*)")  # in a head made lower case
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.I)
CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


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
        self.long = False  # more is to come than is gathered: whoever reads the body waits for the client
        self.expects = False  # the client waits for us to say 100

    def add(self, data: bytes) -> Verdict:
        """Take `data`, and say what to do now."""
        searched = len(self.data)
        self.data += data
        if not self.body:
            end = self.data.find(b"\r\n\r\n", max(0, searched - 3))
            if end < 0:
                return self._partial_head(searched)
            self.body = self.chunk = end + 4
            self._read_framing()
        return self._partial_body()

    def _partial_head(self, searched: int) -> Verdict:
        if len(self.data) > MAX_HEAD:
            return Verdict.REFUSE
        # A bare LF can never become a good head: the parser says so at once.
        last = max(0, searched - 1)
        new_lines = self.data.count(b"\n", searched)
        return Verdict.WAIT if new_lines == self.data.count(b"\r\n", last) else Verdict.TAKE_LAST

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
            return self._long_body()
        return Verdict.TAKE if len(self.data) - self.body >= self.length else Verdict.WAIT

    def _long_body(self) -> Verdict:
        self.long = True
        return Verdict.TAKE_LAST

    def _partial_chunks(self) -> Verdict:
        while line := CHUNK.match(self.data, self.chunk):
            size = int(line[1], 16)
            if not size:
                if self.data.find(b"\r\n\r\n", line.end() - 2) >= 0:
                    return Verdict.TAKE
                too_long = len(self.data) - line.end() > MAX_CHUNK_LINE
                return Verdict.TAKE_LAST if too_long else Verdict.WAIT
            if self.decoded + min(size, len(self.data) - line.end()) > MAX_BODY:
                return self._long_body()
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

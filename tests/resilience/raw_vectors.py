"""Requests that no polite client sends, byte for byte, and the statuses that they are answered with.

AUTH stands for the header with a token, BODY for the JSON of a new book. GOOD is the status of one that is
added, ANY whatever is no 5xx: where the RFCs leave a choice, or nobody would mind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

GOOD = 201
ANY = 0

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
JSON = b"POST /books HTTP/1.1\r\nHost: x\r\nAUTHContent-Type: application/json\r\n"
SENT = JSON + b"Content-Length: LENGTH\r\n\r\nBODY"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = CHUNKED + b"HEX\r\nBODY\r\n0\r\n\r\n"
LONG = 65 * 1024  # bytes, more than a body may have
IN_CHUNKS = HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
NOWHERE = b"POST /nowhere HTTP/1.1\r\nHost: x\r\n"


@dataclass(frozen=True)
class Vector:
    """What is sent, the statuses of the answers in turn, and whether the client then ends its side."""

    sent: bytes
    statuses: tuple[int, ...]
    ends: bool = False


ODD_HEADERS = (
    *(b"X-Forwarded-For: \xff, 1.2.3.4", b"X-Forwarded-Proto: https", b"Forwarded: for=_x"),
    *(b"X-Forwarded-Ssl: on", b"Script_Name: /x", b"Script-Name: /x", b"Cookie: session=\xff; =; ;;"),
    *(b"If-None-Match: \xff", b"If-Modified-Since: yesterday", b"Accept: \xff;q=x, */*;q=9"),
    *(b"Accept-Encoding: \xff", b"Connection: upgrade, keep-alive, \xff", b"Upgrade: h2c"),
)


class Make(Protocol):
    """Makes a vector of what stands in the place of HERE in a request."""

    def __call__(self, text: bytes, *statuses: int, ends: bool = False) -> Vector: ...


def in_place_of_here(template: bytes) -> Make:
    def make(text: bytes, *statuses: int, ends: bool = False) -> Vector:
        return Vector(template.replace(b"HERE", text), statuses, ends)

    return make


def each(make: Callable[[bytes, int], Vector], status: int, *texts: bytes) -> list[Vector]:
    """Make a vector of each text; all of them are answered with one status."""
    return [make(text, status) for text in texts]


def body(text: bytes, *statuses: int) -> Vector:
    """A body that is whole, whatever it is."""
    return Vector(JSON + b"Content-Length: %d\r\n\r\n" % len(text) + text, statuses)


ended = partial(in_place_of_here(b"HERE"), ends=True)
line = in_place_of_here(b"HERE\r\nHost: x\r\n\r\n")
target = in_place_of_here(b"GET HERE HTTP/1.1\r\nHost: x\r\n\r\n")
headers = in_place_of_here(HEALTH[:-2] + b"HERE\r\n\r\n")
host = in_place_of_here(b"GET /healthz HTTP/1.1\r\nHERE\r\n")
length = in_place_of_here(JSON + b"HERE\r\n\r\nBODY")
chunks = in_place_of_here(CHUNKED + b"HERE")
media = in_place_of_here(SENT.replace(b"Content-Type: application/json", b"HERE"))

VECTORS: dict[str, list[Vector]] = {
    "line": [
        *each(line, 400, b"GET /healthz HTTP/0.9", b"GET /healthz HTTP/2.0", b"GET /healthz http/1.1"),
        *each(line, 400, b"GET /healthz HTTP/1.1 ", b" GET /healthz HTTP/1.1", b"GET  /healthz HTTP/1.1"),
        *each(line, 400, b"GET\t/healthz\tHTTP/1.1", b"GET /healthz\0 HTTP/1.1"),
        *each(line, 400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2"),
        *each(line, 200, b"GET /healthz HTTP/1.0", b"GET /healthz HTTP/1.2", b"\r\nGET /healthz HTTP/1.1"),
        line(b"x" * 70_000, 414),
        line(b"GET /healthz", 400),  # HTTP/0.9
        line(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
    ],
    "method": [
        *each(line, 400, b"get /healthz HTTP/1.1", b"G@T /healthz HTTP/1.1", b"G\0T /healthz HTTP/1.1"),
        *each(line, 200, b"HEAD /healthz HTTP/1.1", b"OPTIONS /healthz HTTP/1.1"),
        *each(line, 404, b"HEAD /nowhere HTTP/1.1", b"CONNECT x:80 HTTP/1.1"),
        line(b"OPTIONS * HTTP/1.1", 204),
        *each(line, 405, b"TRACE /healthz HTTP/1.1", b"POST /healthz HTTP/1.1"),
    ],
    "target": [
        *each(target, 200, b"http://x/healthz", b"https://other:99999/healthz", b"http:///healthz"),
        *each(target, 200, b"/healthz#part", b"/%68ealthz"),
        *each(target, 400, b"http://[/healthz", b"*", b"healthz", b"?x", b"/\xff", b"/\x7f", b"/a b"),
        *each(target, 404, b"//x/healthz", b"/../../etc/passwd", b"/healthz%", b"/%c3%28", b"/%00"),
        *each(target, 404, b"/healthz%0d%0aX:%20y", b"/%ed%a0%80", b"/healthz\\", b"/" + b"x" * 4000),
        target(b"/" + b"x" * 70_000, 414),
    ],
    "query": [
        target(b"/healthz?\xff=\xff", 400),
        *each(target, 422, b"/healthz?a=%c3", b"/healthz?%e4=%c3%a4&%c3%a4=%e4"),
        *each(target, 422, b"/healthz?a=" + b"%f0%9f%98%80" * 670, b"/healthz?" + b"a&" * 1500),
        target(b"/healthz?" + b"a" * 8200, 414),
    ],
    "host": [
        *each(host, 400, b"", b"Host: x\r\nHost: x\r\n", b"Host: x\r\nHost: y\r\n"),
        *each(host, ANY, b"Host:\r\n", b"Host: x:abc\r\n", b"Host: [::1\r\n", b"Host: \xff\r\n"),
        *each(host, ANY, b"Host: " + b"x" * 300 + b"\r\n", b"Host: x, y\r\n"),
        host(b"Host: [::1]:5002\r\n", 200),
    ],
    "headers": [
        *each(headers, 400, b"Name : x", b": x", b"Name", b"Na\0me: x", b"Name: \0", b"Name: a\rb"),
        *each(headers, 400, b"Name: a\nb", b"Name: a\r\n folded"),
        *each(headers, 200, b"Name:", b"Name: \xff\xfe", b"Name_: x", b"Transfer_Encoding: chunked"),
        *each(headers, 200, b"Content_Length: 5", b"X-Request-ID: \xff%0d%0a{}"),
        headers(b"\r\n".join(ODD_HEADERS), 200),
        headers(b"\r\n".join(b"A%d: x" % number for number in range(99)), 200),
        headers(b"Name: " + b"x" * 8000, 200),
        headers(b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x", ANY),
        headers(b"\r\n".join(b"A%d: %s" % (number, b"x" * 7000) for number in range(20)), ANY),
        headers(b"\r\n".join(b"A%d: x" % number for number in range(101)), 431),
        headers(b"Name: " + b"x" * 8200, 431),
    ],
    "endings": [
        *(ended(start) for start in (b"", b"G", b"GET /healthz HTTP/1.1", HEALTH[:-1])),
        ended(HEALTH.replace(b"\r\n", b"\r")),
        *each(ended, 400, b"\r\n\r\n", HEALTH.replace(b"\r\n", b"\n")),
        *each(ended, 400, HEALTH.replace(b"x\r", b"x"), SENT[:-1], CHUNKS[:-2], CHUNKS[:-9]),
        ended(HEALTH, 200),
    ],
    "pipelines": [
        ended(HEALTH + HEALTH[:9], 200),
        ended(SENT + b"xx", GOOD),
        Vector(HEALTH * 20, (200,) * 20),
        Vector(SENT + HEALTH, (GOOD, 200)),
        Vector(CHUNKS + HEALTH, (GOOD, 200)),
        Vector(HEALTH + b"garbage\r\n\r\n", (200, 400)),
        Vector(HEALTH + b"\0" * 100 + b"\r\n\r\n", (200, 400)),
        Vector(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") * 2, (200,)),
    ],
    "length": [
        *each(length, GOOD, b"Content-Length: LENGTH", b"Content-Length:LENGTH \t"),
        *each(length, 400, b"Content-Length: -1", b"Content-Length: +LENGTH", b"Content-Length: 0x10"),
        *each(length, 400, b"Content-Length:", b"Content-Length: LENGTH, LENGTH"),
        length(b"Content-Length: LENGTH\r\nContent-Length: LENGTH", 400),
        *each(length, 400, b"Content-Length: LENGTH\r\nContent-Length: 0", b"Content-Length: \xd9\xa5"),
        length(b"Content-Length: " + b"9" * 5000, 400),
        length(b"Content-Length: LENGTH\r\nTransfer-Encoding: chunked", 400),
        length(b"Transfer-Encoding: chunked\r\nContent-Length: LENGTH", 400),
        *each(length, 400, b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked, chunked"),
        length(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        length(b"Transfer-Encoding: identity", 400),
        length(b"Content-Length: " + b"9" * 20, 413),
        ended(JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\nBODY", 400),
        *each(length, 501, b"Transfer-Encoding: xchunked", b"Transfer-Encoding:"),
        Vector(CHUNKS.replace(b"chunked", b"\x0bchunked"), (400,)),
        Vector(CHUNKS.replace(b"chunked", b"identity, chunked"), (ANY,)),
    ],
    "chunks": [
        *each(chunks, GOOD, b"HEX\r\nBODY\r\n0\r\n\r\n", b'HEX;a=b;c="d"\r\nBODY\r\n0;e\r\n\r\n'),
        *each(chunks, GOOD, b"HEX\r\nBODY\r\n0\r\nX-Trailer: x\r\n\r\n", b"EACH0\r\n\r\n"),
        chunks(b"HEX\r\nBODY\r\n0\r\nbad trailer\r\n\r\n", 400),
        *each(chunks, 400, b"HEX\r\nBODY\r\n0\r\nContent-Length : 5\r\n\r\n", b"HEX\r\nBODY0\r\n\r\n"),
        *each(chunks, 400, b"HEX\r\nBODYxx0\r\n\r\n", b"0xHEX\r\nBODY\r\n0\r\n\r\n"),
        *each(chunks, 400, b"+HEX\r\nBODY\r\n0\r\n\r\n", b"-1\r\nBODY\r\n0\r\n\r\n", b"\r\n", b"0" * 9000),
        *each(chunks, 400, b"5;" + b"a" * 9000, b"0\r\n\r\n"),
        chunks(b"HEX\nBODY\n0\n\n", 400, ends=True),
        chunks(b"ffffffff\r\nBODY", 400, ends=True),
        chunks(b"", 400, ends=True),
        chunks(b"8000\r\n%s\r\n" % (b"x" * 0x8000) * 3, 413),  # before it ends
        Vector(CHUNKS.replace(b"HTTP/1.1", b"HTTP/1.0"), (400,)),
    ],
    "media": [
        media(b"Content-Type: application/json; charset=UTF-8", GOOD),
        media(b"Content-Type: application/json\r\nContent-Type: text/plain", 400),
        *each(media, 415, b"Content-Type: \xff", b"X-Nothing: x"),
        media(b"Content-Type: application/json\r\nExpect: 200-ok", 417),
        media(b"Content-Type: application/json\r\nContent-Encoding: gzip", ANY),
        media(b"Content-Type: application/json\r\nExpect: 100-continue", 100, GOOD),
    ],
    "bodies": [
        body(b"[" * 60_000, 400),
        *each(body, 413, b" " * LONG, b"x" * 1_000_000),
        Vector(HEALTH[:-2] + b"Content-Length: 5\r\n\r\nhello" + HEALTH, (200, 200)),
        Vector(HEALTH[:-2] + b"Content-Length: %d\r\n\r\n" % LONG + b"x" * LONG, (200,)),
        Vector(IN_CHUNKS + b"10400\r\n" + b"x" * LONG + b"\r\n0\r\n\r\n", (200,)),
        Vector(HEALTH[:-2] + b"Expect: 100-continue\r\n\r\n", (100, 200)),
        Vector(IN_CHUNKS + b"zz\r\n", (200,)),
        Vector(b"DELETE /books/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + HEALTH, (ANY, 200)),
        Vector(NOWHERE + b"Content-Length: %d\r\n\r\n" % LONG + b"x" * LONG, (404,)),
        Vector(b"POST /books HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", (ANY,)),
    ],
}

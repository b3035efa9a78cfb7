"""Raw requests whose bodies are odd, and several requests in a row."""

from tests.resilience.raw_vectors import ANY, CHUNKED, CHUNKS, GOOD, HEALTH, JSON, SENT, Vector, each, ended

LONG = 65 * 1024  # bytes, more than a body may have
IN_CHUNKS = HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
NOWHERE = b"POST /nowhere HTTP/1.1\r\nHost: x\r\n"


def length(text: bytes, *statuses: int) -> Vector:
    """The header that says how long a body is."""
    return Vector(JSON + text + b"\r\n\r\nBODY", statuses)


def chunks(text: bytes, *statuses: int, ends: bool = False) -> Vector:
    """A chunked body."""
    return Vector(CHUNKED + text, statuses, ends)


def media(text: bytes, *statuses: int) -> Vector:
    """Headers in the place of Content-Type."""
    return Vector(SENT.replace(b"Content-Type: application/json", text), statuses)


def body(text: bytes, *statuses: int) -> Vector:
    """A body that is whole, whatever it is."""
    return Vector(JSON + b"Content-Length: %d\r\n\r\n" % len(text) + text, statuses)


BODIES: dict[str, list[Vector]] = {
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
        length(b"Content-Length: 0000LENGTH", GOOD),
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
        chunks(b"f" * 17 + b"\r\nBODY", 400, ends=True),
        chunks(b"", 400, ends=True),
        chunks(b"8000\r\n%s\r\n" % (b"x" * 0x8000) * 3, 413),  # before it ends
        Vector(CHUNKS.replace(b"HTTP/1.1", b"HTTP/1.0"), (400,)),
    ],
    "media": [
        media(b"Content-Type: application/json; charset=UTF-8", GOOD),
        media(b"Content-Type: application/json" + b";a=b" * 1900, GOOD),
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
        Vector(b"POST READ HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", (ANY,)),
    ],
}

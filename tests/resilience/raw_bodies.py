"""Raw requests whose bodies are odd, and several requests in a row."""

from tests.resilience.raw_vectors import ANY, CHUNKED, CHUNKS, GOOD, HEALTH, JSON, SENT, Vector, ended

LONG = 65 * 1024  # bytes, more than a body may have


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
        Vector(HEALTH * 2, (200, 200)),
        Vector(HEALTH * 20, (200,) * 20),
        Vector(SENT + HEALTH, (GOOD, 200)),
        Vector(CHUNKS + HEALTH, (GOOD, 200)),
        Vector(HEALTH + b"garbage\r\n\r\n", (200, 400)),
        Vector(HEALTH + b"\0" * 100 + b"\r\n\r\n", (200, 400)),
        Vector(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") * 2, (200,)),
        ended(HEALTH + HEALTH[:9], 200),
        ended(SENT + b"xx", GOOD),
    ],
    "length": [
        length(b"Content-Length: LENGTH", GOOD),
        length(b"Content-Length:LENGTH \t", GOOD),
        length(b"Content-Length: 0000LENGTH", GOOD),
        length(b"Content-Length: -1", 400),
        length(b"Content-Length: +LENGTH", 400),
        length(b"Content-Length: LENGTH.0", 400),
        length(b"Content-Length: 0x10", 400),
        length(b"Content-Length: 1e2", 400),
        length(b"Content-Length: five", 400),
        length(b"Content-Length:", 400),
        length(b"Content-Length: LENGTH, LENGTH", 400),
        length(b"Content-Length: LENGTH\r\nContent-Length: LENGTH", 400),
        length(b"Content-Length: LENGTH\r\nContent-Length: 0", 400),
        length(b"Content-Length: \xd9\xa5", 400),
        length(b"Content-Length: \xb2", 400),
        length(b"Content-Length: " + b"9" * 20, 413),
        length(b"Content-Length: " + b"9" * 5000, 400),
        length(b"Content-Length: LENGTH\r\nTransfer-Encoding: chunked", 400),
        length(b"Transfer-Encoding: chunked\r\nContent-Length: LENGTH", 400),
        length(b"Transfer-Encoding: gzip", 400),
        ended(JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\nBODY", 400),
        length(b"Transfer-Encoding: chunked, gzip", 400),
        length(b"Transfer-Encoding: chunked, chunked", 400),
        length(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        length(b"Transfer-Encoding: identity", 400),
        length(b"Transfer-Encoding: xchunked", 501),
        length(b"Transfer-Encoding:", 501),
        Vector(CHUNKS.replace(b"chunked", b"\x0bchunked"), (400,)),
        Vector(CHUNKS.replace(b"chunked", b"identity, chunked"), (ANY,)),
    ],
    "chunks": [
        chunks(b"HEX\r\nBODY\r\n0\r\n\r\n", GOOD),
        chunks(b'HEX;a=b;c="d"\r\nBODY\r\n0;e\r\n\r\n', GOOD),
        chunks(b"000HEX\r\nBODY\r\n000\r\n\r\n", GOOD),
        chunks(b"HEX\r\nBODY\r\n0\r\nX-Trailer: x\r\n\r\n", GOOD),
        chunks(b"EACH0\r\n\r\n", GOOD),
        chunks(b"HEX\r\nBODY\r\n0\r\nbad trailer\r\n\r\n", 400),
        chunks(b"HEX\r\nBODY\r\n0\r\nContent-Length : 5\r\n\r\n", 400),
        chunks(b"HEX\nBODY\n0\n\n", 400, ends=True),
        chunks(b"HEX\r\nBODY0\r\n\r\n", 400),
        chunks(b"HEX\r\nBODYxx0\r\n\r\n", 400),
        chunks(b"0xHEX\r\nBODY\r\n0\r\n\r\n", 400),
        chunks(b"+HEX\r\nBODY\r\n0\r\n\r\n", 400),
        chunks(b"-1\r\nBODY\r\n0\r\n\r\n", 400),
        chunks(b" HEX\r\nBODY\r\n0\r\n\r\n", 400),
        chunks(b"\r\n", 400),
        chunks(b"g\r\n", 400),
        chunks(b"ffffffff\r\nBODY", 400, ends=True),
        chunks(b"f" * 17 + b"\r\nBODY", 400, ends=True),
        chunks(b"0" * 9000, 400),
        chunks(b"5;" + b"a" * 9000, 400),
        chunks(b"", 400, ends=True),
        chunks(b"0\r\n\r\n", 400),
        chunks(b"8000\r\n%s\r\n" % (b"x" * 0x8000) * 3, 413),  # before it ends
        Vector(CHUNKS.replace(b"HTTP/1.1", b"HTTP/1.0"), (400,)),
    ],
    "media": [
        media(b"Content-Type: application/json; charset=UTF-8", GOOD),
        media(b"Content-Type: application/json; charset=", 415),
        media(b"Content-Type: application/json\r\nContent-Type: text/plain", 400),
        media(b"Content-Type: \xff", 415),
        media(b"Content-Type: ;;;=", 415),
        media(b"Content-Type:", 415),
        media(b"X-Nothing: x", 415),
        media(b"Content-Type: application/json" + b";a=b" * 1900, GOOD),
        media(b"Content-Type: application/json\r\nExpect: 100-continue", 100, GOOD),
        media(b"Content-Type: application/json\r\nExpect: 200-ok", 417),
        media(b"Content-Type: application/json\r\nContent-Encoding: gzip", ANY),
    ],
    "bodies": [
        body(b"{}", 422),
        body(b"null", 422),
        body(b"[" * 60_000, 400),
        body(b" " * LONG, 413),
        body(b"x" * 1_000_000, 413),
        Vector(HEALTH[:-2] + b"Content-Length: 5\r\n\r\nhello" + HEALTH, (200, 200)),
        Vector(HEALTH[:-2] + b"Content-Length: %d\r\n\r\n" % LONG + b"x" * LONG, (200,)),
        Vector(
            HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n10400\r\n" + b"x" * LONG + b"\r\n0\r\n\r\n",
            (200,),
        ),
        Vector(HEALTH[:-2] + b"Expect: 100-continue\r\n\r\n", (100, 200)),
        Vector(HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", (200,)),
        Vector(b"DELETE /books/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + HEALTH, (ANY, 200)),
        Vector(
            b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % LONG + b"x" * LONG, (404,)
        ),
        Vector(b"POST READ HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", (ANY,)),
    ],
}

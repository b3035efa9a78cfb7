"""Raw requests whose heads are odd."""

from tests.resilience.raw_vectors import ANY, CHUNKS, HEALTH, SENT, Vector, each, ended


def line(text: bytes, *statuses: int) -> Vector:
    """A request line before good headers."""
    return Vector(text + b"\r\nHost: x\r\n\r\n", statuses)


def target(text: bytes, *statuses: int) -> Vector:
    """A request target."""
    return line(b"GET " + text + b" HTTP/1.1", *statuses)


def headers(text: bytes, *statuses: int) -> Vector:
    """Headers of a request that is good without them."""
    return Vector(HEALTH[:-2] + text + b"\r\n\r\n", statuses)


def host(text: bytes, *statuses: int) -> Vector:
    """What stands where the Host header should."""
    return Vector(b"GET /healthz HTTP/1.1\r\n" + text + b"\r\n", statuses)


HEADS: dict[str, list[Vector]] = {
    "line": [
        *each(line, 400, b"GET /healthz HTTP/0.9", b"GET /healthz HTTP/2.0", b"GET /healthz http/1.1"),
        *each(line, 400, b"GET /healthz HTTP/1.1 ", b" GET /healthz HTTP/1.1", b"GET  /healthz HTTP/1.1"),
        *each(line, 400, b"GET\t/healthz\tHTTP/1.1", b"GET /healthz\0 HTTP/1.1"),
        *each(line, 400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2"),
        line(b"\0" * 1000, 400),
        *each(line, 200, b"GET /healthz HTTP/1.0", b"GET /healthz HTTP/1.2", b"\r\nGET /healthz HTTP/1.1"),
        line(b"x" * 70_000, 414),
        line(b"GET /healthz", 400),  # HTTP/0.9
        line(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
    ],
    "method": [
        *each(line, 400, b"get /healthz HTTP/1.1", b"G@T /healthz HTTP/1.1", b"G\0T /healthz HTTP/1.1"),
        line(b"G" * 21 + b" /healthz HTTP/1.1", 400),
        line(b"G" * 9000 + b" /healthz HTTP/1.1", 414),
        *each(line, 200, b"HEAD /healthz HTTP/1.1", b"OPTIONS /healthz HTTP/1.1"),
        *each(line, 404, b"HEAD /nowhere HTTP/1.1", b"CONNECT x:80 HTTP/1.1"),
        line(b"OPTIONS * HTTP/1.1", 204),
        *each(line, 405, b"TRACE /healthz HTTP/1.1", b"POST /healthz HTTP/1.1"),
    ],
    "target": [
        *each(target, 200, b"http://x/healthz", b"https://other:99999/healthz", b"http:///healthz"),
        *each(target, 200, b"/healthz#part", b"/%68ealthz"),
        *each(target, 400, b"http://[/healthz", b"*", b"healthz", b"?x", b"/\xff", b"/\x7f", b"/a b"),
        target(b"//healthz", ANY),
        *each(target, 404, b"//x/healthz", b"/../../etc/passwd", b"/healthz%", b"/%c3%28", b"/%00"),
        *each(target, 404, b"/healthz%0d%0aX:%20y", b"/%ed%a0%80", b"/healthz\\", b"/" + b"x" * 4000),
        target(b"/" + b"x" * 70_000, 414),
    ],
    "query": [
        target(b"/healthz?\xff=\xff", 400),
        *each(target, 422, b"/healthz?a=%c3", b"/healthz?%e4=%c3%a4&%c3%a4=%e4"),
        *each(target, 422, b"/healthz?a=" + b"%f0%9f%98%80" * 670, b"/healthz?" + b"a&" * 1500),
        target(b"/healthz?" + b"&" * 3000, 200),
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
        headers(b"X-Forwarded-For: \xff, 1.2.3.4", 200),
        headers(b"X-Forwarded-Proto: https\r\nForwarded: for=_x", 200),
        headers(b"X-Forwarded-Ssl: on\r\nX-Forwarded-Proto: http\r\nScript_Name: /x\r\nScript-Name: /x", 200),
        headers(b"Cookie: session=\xff; =; ;;", 200),
        headers(b"If-None-Match: \xff\r\nIf-Modified-Since: yesterday", 200),
        headers(b"Accept: \xff;q=x, */*;q=9\r\nAccept-Encoding: \xff", 200),
        headers(b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA", 200),
        headers(b"Connection: close, keep-alive, \xff", 200),
        headers(b"\r\n".join(b"A%d: x" % number for number in range(99)), 200),
        headers(b"Name: " + b"x" * 8000, 200),
        headers(b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x", ANY),
        headers(b"\r\n".join(b"A%d: %s" % (number, b"x" * 7000) for number in range(20)), ANY),
        headers(b"\r\n".join(b"A%d: x" % number for number in range(101)), 431),
        headers(b"Name: " + b"x" * 8200, 431),
    ],
    "endings": [
        ended(b""),
        ended(b"G"),
        ended(b"GET /healthz HTTP/1.1"),
        ended(HEALTH[:-1]),
        ended(HEALTH.replace(b"\r\n", b"\r")),
        *each(ended, 400, b"\r\n\r\n", HEALTH.replace(b"\r\n", b"\n"), HEALTH.replace(b"x\r", b"x")),
        *each(ended, 400, SENT[:-1], SENT[:-4], CHUNKS[:-2], CHUNKS[:-9]),
        ended(HEALTH, 200),
    ],
}

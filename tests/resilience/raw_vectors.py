"""Requests that no polite client sends, byte for byte, and the statuses that they are answered with.

READ, WRITE and AUTH stand for what differs between the services: a guarded route, one that takes JSON,
and the header that it needs; BODY is good JSON for it. GOOD is the status of an accepted WRITE, ANY
whatever is no 5xx: where the RFCs leave a choice, or nobody would mind.
"""

from collections.abc import Callable
from dataclasses import dataclass

GOOD = 1
ANY = 0

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
JSON = b"POST WRITE HTTP/1.1\r\nHost: x\r\nAUTHContent-Type: application/json\r\n"
SENT = JSON + b"Content-Length: LENGTH\r\n\r\nBODY"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = CHUNKED + b"HEX\r\nBODY\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Vector:
    """What is sent, the statuses of the answers in turn, and whether the client then ends its side."""

    sent: bytes
    statuses: tuple[int, ...]
    ends: bool = False


def ended(text: bytes, *statuses: int) -> Vector:
    """Bytes behind which the client ends its side."""
    return Vector(text, statuses, ends=True)


def each(make: Callable[[bytes, int], Vector], status: int, *texts: bytes) -> list[Vector]:
    """Make a vector of each text; all of them are answered with one status."""
    return [make(text, status) for text in texts]

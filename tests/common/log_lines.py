"""The log of a running service, as a test reads it."""

import json
import re
import secrets
from typing import Any

from tests.pair import Pair

Line = dict[str, Any]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)")


def new_id() -> str:
    """Return a request id that no other request has."""
    return f"test-{secrets.token_hex(8)}"


def lines_of(pair: Pair, service: str, request_id: str) -> list[Line]:
    """Return the lines of one request; fail if any line of the log is broken."""
    return [line for line in all_lines(pair, service) if line.get("request_id") == request_id]


def all_lines(pair: Pair, service: str) -> list[Line]:
    """Return every line of a service; fail unless each is a JSON object with a time in UTC."""
    lines: list[Line] = []
    for text in pair.log(service).read_bytes().split(b"\n")[:-1]:
        assert text.isascii()
        line = json.loads(text)
        assert TIME.fullmatch(line["time"])
        lines.append(line)
    return lines

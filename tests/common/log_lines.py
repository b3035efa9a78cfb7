"""The log of a running service, as a test reads it."""

import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.pair import Pair

Line = dict[str, Any]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)")


def new_id() -> str:
    """Return a request id that no other request has."""
    return f"test-{secrets.token_hex(8)}"


def traced(token: str | None = None) -> dict[str, str]:
    """Return headers with an id by which the lines of the request are found."""
    return {"X-Request-ID": new_id()} | ({"Authorization": f"Bearer {token}"} if token else {})


def lines_of(pair: Pair, service: str, request_id: str) -> list[Line]:
    """Return the lines of one request; fail if any line of the log is broken."""
    return [line for line in all_lines(pair, service) if line.get("request_id") == request_id]


def all_lines(pair: Pair, service: str) -> list[Line]:
    """Return every line of a service; fail unless each is a JSON object with a time in UTC."""
    path = pair.log(service)
    log = _read.setdefault(path, Log())
    with path.open("rb") as file:
        file.seek(log.size)
        for text in file:
            if text.endswith(b"\n"):  # another may be half written
                log.lines.append(line_of(text))
                log.size += len(text)
    return log.lines


@dataclass
class Log:
    """How many bytes of a log were read, and their lines: a log of many tests is not read again for each."""

    size: int = 0
    lines: list[Line] = field(default_factory=list)


_read: dict[Path, Log] = {}


def line_of(text: bytes) -> Line:
    assert text.isascii()
    line: Line = json.loads(text)
    assert TIME.fullmatch(line["time"])
    return line

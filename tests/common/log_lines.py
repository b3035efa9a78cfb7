"""The log of the services, as a test reads it."""

import json
import re
import secrets
from typing import Any

import pytest

Line = dict[str, Any]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def traced(token: str | None = None) -> dict[str, str]:
    """Return headers with an id by which the lines of the request are found."""
    request_id = {"X-Request-ID": f"test-{secrets.token_hex(8)}"}
    return request_id | ({"Authorization": f"Bearer {token}"} if token else {})


class Log:
    """What the services write to standard output."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._read = ""

    @property
    def text(self) -> str:
        """Return all that was written since the test began."""
        self._read += self._capture.readouterr().out
        return self._read

    def of(self, request_id: str) -> list[Line]:
        """Return the lines of one request; fail if any line of the log is broken."""
        return [line for line in all_lines(self.text) if line.get("request_id") == request_id]


def all_lines(text: str) -> list[Line]:
    """Return the whole lines of a log; fail unless each is a JSON object with a time in UTC."""
    assert text.isascii()
    lines: list[Line] = [json.loads(line) for line in text.split("\n")[:-1]]  # the last may be half written
    assert all(TIME.fullmatch(line["time"]) for line in lines)
    return lines

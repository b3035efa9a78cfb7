"""The lines of a terminal: short, in colours, and nothing in them that a terminal obeys."""

import re
import time

import pytest

from common.ops.console import console_renderer
from tests.cases import every
from tests.common.log_lines import Line

COLOR = re.compile(r"\x1b\[\d+m")
COMMON: Line = {"level": "info", "time": "2026-11-28T15:05:31.250000+00:00", "service": "auth_service"}
REQUEST = COMMON | {"event": "request", "request_id": "6fd1f4ff", "client": "127.0.0.1", "public_id": None}
REQUEST |= {"method": "GET", "path": "/me", "route": "/me", "status": 200, "milliseconds": 0.75}
EVENT = COMMON | {"event": "login_failed", "reason": "locked"}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the local time, which people read, be the one of the tests."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def plain(line: Line) -> str:
    return console_renderer(colors=False)(line)


def test_a_line_says_what_is_known_and_an_unusual_level() -> None:
    assert plain(REQUEST) == "15:05:31 auth  200 GET /me 0.75 ms"
    assert plain(EVENT) == "15:05:31 auth  login_failed reason=locked"
    for level in ("debug", "warning", "error"):
        assert plain(EVENT | {"level": level}) == f"15:05:31 auth  [{level}] login_failed reason=locked"


@every("status, color", [(200, "32"), (304, "32"), (404, "33"), (503, "31")])
def test_the_colour_of_a_status_says_how_it_went(status: int, color: str) -> None:
    line = REQUEST | {"status": status}

    colored = console_renderer(colors=True)(line)

    assert f"\x1b[{color}m{status}\x1b[0m" in colored
    assert COLOR.sub("", colored) == plain(line)


@every("text", ["\x1b[31m", "a\r\nb", "\x00", "\x7f", "\x9b2J", "\u2028", "\u202e", "\ud800", "\x0b\x0c\x1c"])
@every("line, name", [(REQUEST, "path"), (REQUEST, "method"), (EVENT, "reason"), (EVENT, "event")])
def test_no_control_character_reaches_the_terminal(line: Line, name: str, text: str) -> None:
    shown = plain(line | {name: f"<{text}>"})

    assert shown.isprintable()
    assert re.search("<.*>", shown)


def test_an_error_is_shown_with_its_lines_and_none_of_them_looks_like_an_event() -> None:
    first, *others = plain(EVENT | {"exception": "Traceback:\nE: \x1b[2J\n15:05:31 auth  login"}).split("\n")

    assert first == plain(EVENT)
    assert others == ["    Traceback:", r"    E: \x1b[2J", "    15:05:31 auth  login"]

"""What `make run` and `make dev` show on a terminal, and that `make dev` reloads and ends."""

import os
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from shutil import copytree

import pytest
import requests

from tests import api
from tests.common.log_lines import all_lines
from tests.e2e.stack import clone
from tests.pair import SERVERS
from tests.run.runs import WAIT, Run, own_terminal
from tests.run.test_make_run import press_ctrl_c, terminate
from tests.waiting import wait_until

LINE = re.compile(r"\d\d:\d\d:\d\d (auth |books) \S.*")
# On a busy machine auth starts so much later than the follower that it is missed.
STARTING = re.compile(r"..:..:.. books (feed_followed cursor=0|\[warning\] feed_away .*)")
BANNER = (" * Serving Flask app", " * Debug mode")  # of flask, which nothing turns off


def status(url: str) -> int | None:
    """Return what a service answers, or None while it is away, or ends before it has answered."""
    with suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return api.get(url, timeout=WAIT).status_code
    return None


class Screen:
    """A terminal that shows what a run prints on it."""

    def __init__(self) -> None:
        self._terminal, self.output = os.openpty()
        self._shown = b""

    def read_until(self, text: str) -> list[str]:
        """Return all lines so far, as soon as `text` is among them."""
        while text.encode() not in self._shown or not self._shown.endswith(b"\n"):
            self._shown += os.read(self._terminal, 1000)
        return self._shown.decode().replace("\r\n", "\n").splitlines()

    def close(self) -> None:
        os.close(self._terminal)


@pytest.fixture
def screen() -> Iterator[Screen]:
    with closing(Screen()) as screen:
        yield screen


@pytest.mark.parametrize(("server", "start"), [*zip(SERVERS, ["first", "second"], strict=True)])
def test_a_terminal_shows_short_lines_and_ready_is_the_last_of_a_start(
    run: Run, template: Path, screen: Screen, server: str, start: str
) -> None:
    if start == "second":
        copytree(template, run.data)
    run.environment |= {"SERVER": server, "NO_COLOR": "1"}
    run.start(screen.output, own_terminal)

    *before, ready = screen.read_until("Ready:")
    assert ready.startswith("Ready: the page is at http://127.0.0.1:")
    assert [line for line in before if not STARTING.fullmatch(line)] == []

    api.get(run.url("AUTH") + "/healthz", timeout=WAIT)
    api.get(run.url("BOOKS") + "/nowhere?secret", timeout=WAIT)
    *_, after, request = screen.read_until("/nowhere")
    assert after == ready
    assert re.fullmatch(r"..:..:.. books 404 GET /nowhere \d+(\.\d+)? ms", request)


def test_what_is_no_terminal_gets_json_and_colours_are_for_those_who_see_them(
    run: Run, template: Path, screen: Screen
) -> None:
    copytree(template, run.data)
    run.start()
    ready = run.wait_ready()
    api.get(run.url("AUTH") + "/nowhere", timeout=WAIT)
    terminate(run)
    rest, _ = run.running.communicate(timeout=WAIT)

    assert "Ready:" in ready
    assert {line["event"] for line in all_lines(rest)} == {"request"}
    run.start(screen.output, own_terminal)
    screen.read_until("Ready:")
    api.get(run.url("AUTH") + "/nowhere", timeout=WAIT)
    assert "\x1b[33m404\x1b[0m" in screen.read_until("/nowhere")[-1]


def test_make_dev_loads_a_change_and_shows_the_traceback_of_its_error(
    run: Run, template: Path, tmp_path: Path, screen: Screen
) -> None:
    copytree(template, run.data)
    run.root = clone(tmp_path / "checkout")
    run.environment["NO_COLOR"] = "1"
    run.start(screen.output, own_terminal, words=["dev"])

    *before, ready = screen.read_until("Ready:")
    assert "http://127.0.0.1:" in ready
    assert [line for line in before if not line.startswith(BANNER) and not LINE.fullmatch(line)] == []

    changed = run.root / "common/health.py"
    changed.write_text(
        changed.read_text().replace("return json_response(Health())", "raise KeyError('mine')")
    )
    screen.read_until("Detected change")
    wait_until(lambda: status(run.url("BOOKS") + "/healthz") == 500, "books has loaded the change")
    shown = screen.read_until("GET /healthz")
    assert any(line.endswith("    KeyError: 'mine'") for line in shown)
    assert [line for line in shown if "HTTP/1.1" in line] == []


def test_ctrl_c_ends_every_process_of_make_dev(run: Run, template: Path) -> None:
    """What else stops `make run` stops this as well: tools/supervisor.py is told of either in one way."""
    copytree(template, run.data)
    run.start(words=["dev"])
    run.wait_ready()
    press_ctrl_c(run)

    assert run.wait_end() == 0
    assert run.errors == []
    assert run.processes() == []

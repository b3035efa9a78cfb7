"""`make dev`: it loads what is changed, shows what goes wrong, and ends like `make run`."""

import re
from contextlib import suppress
from pathlib import Path
from shutil import copytree

import requests

from tests import api
from tests.e2e.stack import clone
from tests.run.runs import WAIT, Run, Screen, own_terminal
from tests.waiting import wait_until

LINE = re.compile(r"\d\d:\d\d:\d\d (auth |books) \S.*")
BANNER = (" * Serving Flask app", " * Debug mode")  # of flask, which nothing turns off


def status(url: str) -> int | None:
    """Return what a service answers, or None while it is away, or ends before it has answered."""
    with suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return api.get(url, timeout=WAIT).status_code
    return None


def test_it_loads_a_change_shows_the_traceback_of_its_error_and_ends_by_ctrl_c(
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

    run.press_ctrl_c()
    assert (run.wait_end(), run.errors, run.processes()) == (0, [], [])

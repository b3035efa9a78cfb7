"""tools/supervisor.py with programs that only wait: none outlives it, however it comes to its end."""

from pathlib import Path

import psutil
import pytest

from tests.run.runs import Run
from tests.waiting import wait_until

PROCFILE = "one: echo begun; exec sleep 1001\ntwo: echo begun; exec sleep 1002\n"
SUPERVISE = """
import sys
from tools.supervisor import Supervisor
with Supervisor(sys.argv[1]) as supervisor:
    if sys.argv[2] == "wait":
        supervisor.wait()
sys.exit(supervisor.ended)
"""


@pytest.fixture
def supervise(run: Run, tmp_path: Path) -> Run:
    procfile = tmp_path / "Procfile"
    procfile.write_text(PROCFILE)
    run.program = ["-c", SUPERVISE, str(procfile)]
    return run


def find(run: Run, word: str) -> psutil.Process:
    """Return the first process with this word in its command, as soon as all are there and known."""
    assert run.running.stdout is not None
    assert [next(run.running.stdout) for _ in ("one", "two")] == ["begun\n", "begun\n"]
    wait_until(lambda: sum("sleep" in each.cmdline() for each in run.processes()) == 2, "all are started")
    return next(each for each in run.processes() if word in each.cmdline())


@pytest.mark.parametrize(("word", "ended"), [("1001", "one"), ("1002", "two"), ("honcho", "honcho")])
def test_one_that_dies_ends_the_others(supervise: Run, word: str, ended: str) -> None:
    supervise.start(words=["wait"])
    find(supervise, word).kill()

    assert supervise.wait_end() == 1
    assert supervise.errors == [ended]
    assert supervise.processes() == []


def test_killing_it_ends_them_all(supervise: Run) -> None:
    supervise.start(words=["wait"])
    find(supervise, "honcho")
    supervise.running.kill()

    wait_until(lambda: supervise.processes() == [], "all end")


def test_none_is_left_where_the_end_comes_before_all_are_started(supervise: Run) -> None:
    supervise.start(words=["leave"])

    assert supervise.wait_end() == 1
    assert len(supervise.errors) == 1
    assert supervise.processes() == []

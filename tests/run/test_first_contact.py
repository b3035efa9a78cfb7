"""The commands of README.md, as somebody pastes them who has just found the repository."""

import os
import sys
import time
from pathlib import Path

from tests import api
from tests.programs import ROOT
from tests.readme import blocks, walk
from tests.run.runs import WAIT, Run
from tests.shells import paste, start_shell
from tests.waiting import wait_until

PASSWORD = "correct horse battery staple"


def borrow_packages(environment: Path) -> None:
    """Make a virtual environment of the one that runs the tests, so that `make` need not install anything."""
    environment.mkdir()
    for path in Path(sys.prefix).iterdir():
        (environment / path.name).symlink_to(path)
    tomorrow = time.time() + 86_400  # newer than the locks
    for stamp in (environment / ".made", environment / ".services"):
        stamp.unlink(missing_ok=True)
        stamp.touch()
        os.utime(stamp, (tomorrow, tomorrow))


def test_from_the_clone_to_the_first_admin(run: Run, tmp_path: Path) -> None:
    """The shell that takes less starts it; tests/test_readme.py takes the walk in both."""
    (block,) = blocks("README.md", "## Run it")
    run.root = tmp_path / "bookstore"
    prepare, _, start = block.replace("REPOSITORY", str(ROOT)).rpartition("make")
    run.process = start_shell("zsh", folder=tmp_path, **run.environment)
    assert run.process.stdin is not None
    run.process.stdin.write(prepare)
    run.process.stdin.flush()
    wait_until((run.root / "pyproject.toml").exists, "the clone is there")
    borrow_packages(run.root / ".venv")
    run.process.stdin.write("make" + start)
    run.process.stdin.flush()
    run.wait_ready()

    walk(auth=run.url("AUTH"), books=run.url("BOOKS"))
    *_, make_admin = blocks("README.md", "## Quick tour")
    paste("bash", make_admin + f"{PASSWORD}\n" * 2, folder=run.root, **run.environment)
    answer = api.post(run.url("AUTH") + "/login", auth=("Root", PASSWORD), timeout=WAIT)
    assert answer.status_code == 200

    run.press_ctrl_c()
    run.wait_end()
    assert run.processes() == []

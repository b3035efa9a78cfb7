"""The fixtures of the tests of `make run`."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from tests.run.runs import Run, Screen


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """What `make run` starts, not started yet; nothing of it outlives the test."""
    run = Run(tmp_path)
    yield run
    for process in run.processes():
        with suppress(psutil.NoSuchProcess):  # some end by themselves meanwhile
            process.kill()
    if run.process is not None:
        run.process.communicate()


@pytest.fixture
def screen() -> Iterator[Screen]:
    with closing(Screen()) as screen:
        yield screen

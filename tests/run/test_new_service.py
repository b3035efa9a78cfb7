"""`make new-service`: what it makes passes its tests, and stands beside the pair like one of it."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.cases import every
from tests.e2e.stack import clone
from tests.ports import free_port
from tests.programs import ROOT
from tests.run.runs import Run
from tools.new_service import Refused, plan

SHAPE = ["tests/test_architecture.py", "tests/test_services.py", "tests/test_compose_file.py"]
NAME = "audio_books"  # a host has no underscore in its name
PORTS = ("AUDIO_BOOKS_PORT", "AUDIO_BOOKS_METRICS_PORT")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return clone(tmp_path / "checkout")


def python(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout.parent), "CI": os.environ.get("CI", "")}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def succeed(checkout: Path, *words: str) -> str:
    done = python(checkout, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_it_makes_passes_its_tests_and_runs_beside_the_pair_until_it_dies(
    checkout: Path, run: Run
) -> None:
    printed = succeed(checkout, "tools/new_service.py", NAME)

    assert f"{NAME}_service/views.py" in printed
    assert "port 5003" in printed
    succeed(checkout, "-m", "ruff", "check", ".")
    succeed(checkout, "-m", "ruff", "format", "--check", ".")
    succeed(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{NAME}", *SHAPE)

    run.root = checkout
    run.environment |= {name: str(free_port()) for name in PORTS}
    run.start()
    assert run.url("AUDIO_BOOKS") in run.wait_ready()
    family = psutil.Process(run.running.pid).children(recursive=True)
    master = next(each for each in family if f"{NAME}_service:create_app()" in each.cmdline())
    master.kill()

    assert run.wait_end() == 1
    assert run.errors[-1] == f"make run: {NAME} ended"
    assert run.processes() == []


@every(
    "name, reason",
    [
        *(
            (name, "a plural")
            for name in ("", "Notes", "note", "my-notes", "_notes", "1notes", "n" * 30 + "s")
        ),
        *((name, "is taken") for name in ("books", "keys")),
        *((name, "means something else") for name in ("lists", "things", "owners", "pass")),
    ],
)
def test_another_name_is_refused(name: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        plan(name)


def test_nothing_is_made_where_a_part_does_not_fit(checkout: Path) -> None:
    procfile = checkout / "Procfile"
    procfile.write_text(procfile.read_text().replace("books_service follow", "books_service follow "))

    done = python(checkout, "tools/new_service.py", "notes")

    assert done.returncode == 1
    assert done.stderr.startswith("make new-service: Procfile has to have this once")
    assert not (checkout / "notes_service").exists()
    assert (checkout / "services.toml").read_text() == (ROOT / "services.toml").read_text()

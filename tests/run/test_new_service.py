"""`make new-service`: what it makes passes its tests, and stands beside the pair like one of it."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests import api
from tests.cases import every
from tests.e2e.stack import clone
from tests.ports import free_port
from tests.programs import ROOT
from tests.run.runs import WAIT, Run
from tests.waiting import wait_until

SHAPE = ["tests/test_architecture.py", "tests/test_services.py", "tests/test_compose_file.py"]
PASSWORD = "the moon is made of paper"

Python = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def python(tmp_path: Path) -> Python:
    """Return how to run Python in a copy of the checkout."""
    folder = clone(tmp_path / "checkout")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CI": os.environ.get("CI", "")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return run


def succeed(python: Python, *words: str) -> str:
    done = python(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_it_makes_passes_its_tests(python: Python) -> None:
    printed = succeed(python, "tools/new_service.py", "audio_books")  # a host has no underscore in its name

    assert "audio_books_service/views.py" in printed
    assert "port 5003" in printed
    succeed(python, "-m", "ruff", "check", ".")
    succeed(python, "-m", "ruff", "format", "--check", ".")
    succeed(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/audio_books", *SHAPE)


@pytest.mark.slow
def test_it_runs_beside_the_pair_hears_of_a_logout_and_erases_who_leaves(
    python: Python, run: Run, tmp_path: Path
) -> None:
    succeed(python, "tools/new_service.py", "notes")
    run.root = tmp_path / "checkout"
    run.environment |= {name: str(free_port()) for name in ("NOTES_PORT", "NOTES_METRICS_PORT")}
    run.start()
    assert run.url("NOTES") in run.wait_ready()

    ann, bob = register(run, "Ann"), register(run, "Bob")
    assert add_note(run, ann).status_code == add_note(run, bob).status_code == 201
    api.post(run.url("AUTH") + "/logout", json={"refresh_token": ann["refresh_token"]})
    api.delete(run.url("AUTH") + "/me", auth=("Bob", PASSWORD))

    wait_until(lambda: add_note(run, ann).status_code == 401, "it hears of the logout")
    wait_until(lambda: add_note(run, bob).status_code == 401, "it hears of the deletion")
    wait_until(lambda: owners(run) == {ann["public_id"]}, "Bob's note is erased")


def register(run: Run, name: str) -> dict[str, str]:
    credentials = {"name": name, "password": PASSWORD}
    person: dict[str, str] = api.post(run.url("AUTH") + "/register", json=credentials, timeout=WAIT).json()
    return person


def add_note(run: Run, person: dict[str, str]) -> requests.Response:
    headers = {"Authorization": f"Bearer {person['token']}"}
    return api.post(run.url("NOTES") + "/notes", json={"title": "Milk"}, headers=headers, timeout=WAIT)


def owners(run: Run) -> set[str]:
    with closing(sqlite3.connect(run.data / "notes.db")) as database:
        return {owner for (owner,) in database.execute("SELECT owner FROM notes")}


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
def test_another_name_is_refused_and_nothing_is_made(
    python: Python, tmp_path: Path, name: str, reason: str
) -> None:
    before = sorted(tmp_path.rglob("*"))

    done = python("tools/new_service.py", name)

    assert done.returncode == 1
    assert re.fullmatch(rf"make new-service: .*{reason}.*\n", done.stderr)
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_made_where_a_part_does_not_fit(python: Python, tmp_path: Path) -> None:
    procfile = tmp_path / "checkout/Procfile"
    procfile.write_text(procfile.read_text().replace("books_service follow", "books_service follow "))

    done = python("tools/new_service.py", "notes")

    assert done.returncode == 1
    assert "Procfile has to have this once" in done.stderr
    assert not (tmp_path / "checkout/notes_service").exists()
    assert (tmp_path / "checkout/services.toml").read_text() == (ROOT / "services.toml").read_text()

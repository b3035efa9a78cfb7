"""Backup and restore: what was acknowledged before a backup began is there after the stack was wiped."""

import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.stack import Stack
from tests.people import PASSWORD, Person, new_name
from tests.resilience.writers import Writers

pytestmark = [pytest.mark.compose, pytest.mark.slow]
FILES = {"auth.dump", "books.dump", "keys.json"}


def make(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script of deploy/, as the targets of make do."""
    return subprocess.run(
        [f"deploy/{words[0]}", *words[1:]],
        cwd=stack.folder,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def registering(stack: Stack) -> Iterator[list[Person]]:
    """Register people, one after the other, for a `with` block; each of them has a book."""
    people: list[Person] = []
    stopping = threading.Event()

    def register_on() -> None:
        while not stopping.is_set():
            person = stack.register()
            person.add_book()
            people.append(person)

    thread = threading.Thread(target=register_on)
    thread.start()
    try:
        yield people
    finally:
        stopping.set()
        thread.join()


def test_what_was_acknowledged_before_a_backup_is_there_after_a_restore(stack: Stack, tmp_path: Path) -> None:
    reader = stack.register()
    backup = tmp_path / "backup"
    with Writers(reader, count=3) as writers, registering(stack) as people:
        while not writers.promised or not people:
            threading.Event().wait(0.1)
        promised, registered = set(writers.promised), list(people)
        made = make(stack, "backup", str(backup))
    assert made.returncode == 0, made.stderr
    assert {path.name for path in backup.iterdir()} == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in [backup, *backup.iterdir()]} == {0o700, 0o600}

    stack.down()
    assert stack.left_behind() == []
    restored = make(stack, "restore", str(backup))

    assert restored.returncode == 0, restored.stderr
    writers.promised = promised
    assert writers.lost() == set()  # with the token from before
    for person in registered:
        assert person.get("/me", "auth").json()["public_id"] == person.public_id
        assert len(person.get("/books").json()["list_of_books"]) == 1
    assert owners(stack) <= users(stack)
    body = {"name": reader.name, "password": PASSWORD}
    assert reader.post("/login", body, "auth", headers={}).status_code == 200


def users(stack: Stack) -> set[str]:
    return set(ask(stack, "auth", "SELECT public_id FROM users"))


def owners(stack: Stack) -> set[str]:
    return set(ask(stack, "books", "SELECT DISTINCT owner FROM books"))


def ask(stack: Stack, database: str, query: str) -> list[str]:
    shown = stack.execute(
        "db", "psql", "--username=postgres", "--tuples-only", "--no-align", database, "-c", query
    )
    return shown.split()


def test_a_backup_that_is_not_whole_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    assert make(stack, "backup", str(backup)).returncode == 0
    person = stack.register()
    (backup / "auth.dump").write_bytes((backup / "auth.dump").read_bytes()[:2000])

    assert make(stack, "restore", str(backup)).returncode != 0
    (backup / "keys.json").unlink()
    assert "keys.json is missing" in make(stack, "restore", str(backup)).stderr

    assert person.get("/me", "auth").status_code == 200
    assert make(stack, "backup", str(backup)).returncode != 0  # a backup is never written over


def test_keys_rotate_under_use_and_an_operator_makes_an_admin(stack: Stack) -> None:
    person, name = stack.register(), new_name()

    kid = stack.run("keys", "flask", "--app=auth_service", "keys", "rotate")
    stack.execute(
        "auth",
        "flask",
        "--app=auth_service",
        "users",
        "create",
        "--admin",
        "--password-stdin",
        name,
        typed=PASSWORD,
    )

    assert kid in stack.run("keys", "flask", "--app=auth_service", "keys", "list")
    assert person.get("/books").status_code == 200
    login = person.post("/login", {"name": name, "password": PASSWORD}, "auth", headers={}).json()
    listed = person.get("/users", "auth", headers={"x-access-tokens": login["token"]})
    assert listed.status_code == 200

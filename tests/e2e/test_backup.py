"""Backup and restore: what was acknowledged before a backup began is there after the stack was wiped."""

import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.load import Askers
from tests.e2e.stack import POLL, UP, Stack, interrupt
from tests.people import PASSWORD, Person
from tests.waiting import wait_until

pytestmark = pytest.mark.compose


@dataclass
class Backup:
    """A backup, and who was there before it began, each with a book."""

    folder: Path
    epoch: list[str]
    people: list[Person]


@pytest.fixture(scope="module")
def backup(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """A backup that was made while people went on registering and writing."""
    folder, epoch = tmp_path_factory.mktemp("backups") / "one", ask(stack, "auth", "SELECT epoch FROM feed")
    settled: list[Person] = []

    def settle() -> None:
        person = stack.register()
        person.add_book()
        settled.append(person)

    with Askers(settle, count=2):
        wait_until(lambda: len(settled) > 2, "nobody settles")
        people = list(settled)
        status, output = stack.run_script("backup", str(folder))
    assert status == 0, output
    assert len(settled) > len(people)
    return Backup(folder, epoch, people)


def ask(stack: Stack, database: str, query: str) -> list[str]:
    return stack.sql(database, query).split()


def users(stack: Stack, database: str = "auth") -> set[str]:
    return set(ask(stack, database, "SELECT public_id FROM users"))


def replaced(stack: Stack) -> list[str]:
    """Return the databases whose place was taken, the oldest of each service first."""
    query = "SELECT datname FROM pg_database WHERE datname LIKE '%replaced%' ORDER BY datname"
    return ask(stack, "postgres", query)


def test_a_backup_is_its_owners_is_never_written_over_and_one_that_is_not_whole_changes_nothing(
    stack: Stack, backup: Backup, tmp_path: Path
) -> None:
    assert {path.name for path in backup.folder.iterdir()} == {"auth.dump", "books.dump", "keys.json"}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [backup.folder, *backup.folder.iterdir()]}
    assert modes == {0o700, 0o600}
    assert stack.run_script("backup", str(backup.folder))[0] != 0

    broken, person = shutil.copytree(backup.folder, tmp_path / "broken"), stack.register()
    (broken / "auth.dump").write_bytes((broken / "auth.dump").read_bytes()[:2000])
    assert stack.run_script("restore", str(broken))[0] != 0
    (broken / "keys.json").unlink()
    status, output = stack.run_script("restore", str(broken))

    assert (status != 0, "keys.json is missing" in output) == (True, True)
    assert person.get("/me", "auth").status_code == 200
    assert replaced(stack) == []


def test_an_interrupted_backup_leaves_nothing_behind(stack: Stack, tmp_path: Path) -> None:
    backup = stack.start_script("backup", str(tmp_path / "backup"))
    wait_until(lambda: list(tmp_path.glob("*/books.dump")), "it did not begin")
    status, output = interrupt(backup)

    assert status != 0, output
    assert list(tmp_path.iterdir()) == []


def test_what_is_replaced_outlives_interruptions_and_a_wiped_stack_has_all_of_the_backup(
    stack: Stack, backup: Backup
) -> None:
    person = stack.register()  # and is in no backup
    for interruptions in (1, 2):
        interrupt_restore(stack, backup.folder, replacing=2 * interruptions)
        live, *later = [name for name in replaced(stack) if name.startswith("auth_")]
        assert person.public_id in users(stack, live)
        assert [name for name in later if person.public_id in users(stack, name)] == []
    stack.down()
    assert stack.left_behind() == []

    status, output = stack.run_script("restore", str(backup.folder))

    assert status == 0, output
    assert replaced(stack) == []
    assert_all_is_there(stack, backup)
    assert_keys_are_those_of_the_backup(stack, backup)


def interrupt_restore(stack: Stack, backup: Path, *, replacing: int) -> None:
    """Begin a restore, and interrupt it once so many databases are replaced: it waits for the services."""
    restore = stack.start_script("restore", str(backup))
    deadline = time.monotonic() + UP
    wait_until(lambda: len(replaced(stack)) == replacing, "nothing is replaced", deadline=deadline, poll=POLL)
    status, output = interrupt(restore)

    assert status != 0, output
    assert "Run it again" in output
    assert len(replaced(stack)) == replacing


def assert_all_is_there(stack: Stack, backup: Backup) -> None:
    """Fail unless what was acknowledged is, with the tokens from before, and books follows auth anew."""
    for person in backup.people:
        assert person.get("/me", "auth").json()["public_id"] == person.public_id
        assert len(person.get("/books").json()["list_of_books"]) == 1
    assert set(ask(stack, "books", "SELECT DISTINCT owner FROM books")) <= users(stack)
    assert ask(stack, "auth", "SELECT epoch FROM feed") != backup.epoch
    wait_until(lambda: "feed_begun_again" in stack.logs("follower"), "nobody notices", poll=POLL)
    login = {"name": backup.people[0].name, "password": PASSWORD}
    assert backup.people[1].post("/login", login, "auth", headers={}).status_code == 200


def assert_keys_are_those_of_the_backup(stack: Stack, backup: Backup) -> None:
    """Fail unless they are, and nothing odd was said of them: the first start had made others."""
    assert stack.run("keys", "ls", "/run/bookstore/keys") == "keys.json"
    assert stack.execute("auth", "cat", "/run/bookstore/keys/keys.json") == (
        (backup.folder / "keys.json").read_text().strip()
    )
    said = [line.partition("| ")[2].split()[0] for line in stack.logs("keys").splitlines()]
    assert said[:5] == ["made"] * 5
    assert set(said[5:]) <= {"kept"}

"""Backup and restore: what was acknowledged before a backup began is there after the stack was wiped."""

import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.scripts import interrupt, run, start
from tests.e2e.stack import POLL, UP, Stack
from tests.people import PASSWORD, Person
from tests.resilience.writers import Writers
from tests.threads import Threads
from tests.waiting import wait_until

pytestmark = [pytest.mark.compose, pytest.mark.slow]
FILES = {"auth.dump", "books.dump", "keys.json"}


class Settlers(Threads):
    """Register people, one after the other, for a `with` block; each of them has a book."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(self._settle, 1)
        self.people: list[Person] = []
        self._stack = stack

    def _settle(self) -> None:
        while not self._stopping.is_set():
            person = self._stack.register()
            person.add_book()
            self.people.append(person)


@dataclass
class Backup:
    """A backup, and what was acknowledged before it began."""

    folder: Path
    epoch: list[str]
    writers: Writers
    people: list[Person]


@pytest.fixture(scope="module")
def backup(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """A backup that was made while people went on writing and registering."""
    folder, epoch = tmp_path_factory.mktemp("backups") / "one", ask(stack, "auth", "SELECT epoch FROM feed")
    with Writers(stack.register(), count=3) as writers, Settlers(stack) as settlers:
        wait_until(lambda: writers.promised and settlers.people, "nobody writes")
        promised, people = set(writers.promised), list(settlers.people)
        status, output = run(stack, "backup", str(folder))
    assert status == 0, output
    writers.promised = promised
    return Backup(folder, epoch, writers, people)


def ask(stack: Stack, database: str, query: str) -> list[str]:
    return stack.sql(database, query).split()


def users(stack: Stack, database: str = "auth") -> set[str]:
    return set(ask(stack, database, "SELECT public_id FROM users"))


def replaced(stack: Stack) -> list[str]:
    """Return the databases whose place was taken, the oldest of each service first."""
    query = "SELECT datname FROM pg_database WHERE datname LIKE '%replaced%' ORDER BY datname"
    return ask(stack, "postgres", query)


def test_a_backup_is_its_owners_and_is_never_written_over(stack: Stack, backup: Backup) -> None:
    assert {path.name for path in backup.folder.iterdir()} == FILES
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [backup.folder, *backup.folder.iterdir()]}
    assert modes == {0o700, 0o600}
    assert run(stack, "backup", str(backup.folder))[0] != 0


def test_a_backup_that_is_not_whole_changes_nothing(stack: Stack, backup: Backup, tmp_path: Path) -> None:
    broken = shutil.copytree(backup.folder, tmp_path / "broken")
    person = stack.register()
    (broken / "auth.dump").write_bytes((broken / "auth.dump").read_bytes()[:2000])

    assert run(stack, "restore", str(broken))[0] != 0
    (broken / "keys.json").unlink()
    status, output = run(stack, "restore", str(broken))

    assert status != 0
    assert "keys.json is missing" in output
    assert person.get("/me", "auth").status_code == 200
    assert replaced(stack) == []


def test_an_interrupted_backup_leaves_nothing_behind(stack: Stack, tmp_path: Path) -> None:
    backup = start(stack, "backup", str(tmp_path / "backup"))
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

    status, output = run(stack, "restore", str(backup.folder))

    assert status == 0, output
    assert replaced(stack) == []
    assert_all_is_there(stack, backup)
    assert_keys_are_those_of_the_backup(stack, backup)


def interrupt_restore(stack: Stack, backup: Path, *, replacing: int) -> None:
    """Begin a restore, and interrupt it once so many databases are replaced: it waits for the services."""
    restore = start(stack, "restore", str(backup))

    def is_replacing() -> bool:
        return restore.poll() is not None or len(replaced(stack)) == replacing

    wait_until(is_replacing, "nothing is replaced", deadline=time.monotonic() + UP, poll=POLL)
    status, output = interrupt(restore)

    assert status != 0, output
    assert "Run it again" in output
    assert len(replaced(stack)) == replacing


def assert_all_is_there(stack: Stack, backup: Backup) -> None:
    """Fail unless what was acknowledged is, with the tokens from before, and books follows auth anew."""
    assert backup.writers.lost() == set()
    for person in backup.people:
        assert person.get("/me", "auth").json()["public_id"] == person.public_id
        assert len(person.get("/books").json()["list_of_books"]) == 1
    assert set(ask(stack, "books", "SELECT DISTINCT owner FROM books")) <= users(stack)
    assert ask(stack, "auth", "SELECT epoch FROM feed") != backup.epoch
    wait_until(lambda: "feed_begun_again" in stack.logs("follower"), "nobody notices", poll=POLL)
    login = {"name": backup.writers.person.name, "password": PASSWORD}
    assert backup.people[0].post("/login", login, "auth", headers={}).status_code == 200


def assert_keys_are_those_of_the_backup(stack: Stack, backup: Backup) -> None:
    """Fail unless they are, and nothing odd was said of them: the first start had made others."""
    assert stack.run("keys", "ls", "/run/bookstore/keys") == "keys.json"
    assert stack.execute("auth", "cat", "/run/bookstore/keys/keys.json") == (
        (backup.folder / "keys.json").read_text().strip()
    )
    said = [line.partition("| ")[2].split()[0] for line in stack.logs("keys").splitlines()]
    assert said[:5] == ["made"] * 5
    assert set(said[5:]) <= {"kept"}

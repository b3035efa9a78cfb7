"""Backup and restore: what was acknowledged before a backup began is there after the stack was wiped."""

import stat
from pathlib import Path

import pytest

from tests.e2e.scripts import interrupt, run, start
from tests.e2e.stack import Stack
from tests.people import PASSWORD, Person, new_name
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


def test_what_was_acknowledged_before_a_backup_is_there_after_a_restore(stack: Stack, tmp_path: Path) -> None:
    reader = stack.register()
    backup, epoch = tmp_path / "backup", ask(stack, "auth", "SELECT epoch FROM feed")
    with Writers(reader, count=3) as writers, Settlers(stack) as settlers:
        wait_until(lambda: writers.promised and settlers.people, "nobody writes")
        promised, registered = set(writers.promised), list(settlers.people)
        back_up(stack, backup)
    assert {path.name for path in backup.iterdir()} == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in [backup, *backup.iterdir()]} == {0o700, 0o600}

    stack.down()
    assert stack.left_behind() == []
    status, output = run(stack, "restore", str(backup))

    assert status == 0, output
    writers.promised = promised
    assert writers.lost() == set()  # with the token from before
    for person in registered:
        assert person.get("/me", "auth").json()["public_id"] == person.public_id
        assert len(person.get("/books").json()["list_of_books"]) == 1
    assert set(ask(stack, "books", "SELECT DISTINCT owner FROM books")) <= users(stack)
    assert ask(stack, "auth", "SELECT epoch FROM feed") != epoch
    wait_until(lambda: "feed_begun_again" in stack.logs("follower"), "the follower does not notice")
    body = {"name": reader.name, "password": PASSWORD}
    assert reader.post("/login", body, "auth", headers={}).status_code == 200


def users(stack: Stack, database: str = "auth") -> set[str]:
    return set(ask(stack, database, "SELECT public_id FROM users"))


def ask(stack: Stack, database: str, query: str) -> list[str]:
    return stack.sql(database, query).split()


def test_a_backup_that_is_not_whole_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    back_up(stack, backup)
    person = stack.register()
    (backup / "auth.dump").write_bytes((backup / "auth.dump").read_bytes()[:2000])

    assert run(stack, "restore", str(backup))[0] != 0
    (backup / "keys.json").unlink()
    status, output = run(stack, "restore", str(backup))

    assert status != 0
    assert "keys.json is missing" in output
    assert person.get("/me", "auth").status_code == 200
    assert replaced(stack) == []
    assert run(stack, "backup", str(backup))[0] != 0  # a backup is never written over


def test_an_interrupted_backup_leaves_nothing_behind(stack: Stack, tmp_path: Path) -> None:
    backup = start(stack, "backup", str(tmp_path / "backup"))
    wait_until(lambda: list(tmp_path.glob("*/books.dump")), "it did not begin")
    status, output = interrupt(backup)

    assert status != 0, output
    assert list(tmp_path.iterdir()) == []


def test_what_is_replaced_stays_until_a_restore_was_seen_through(stack: Stack, tmp_path: Path) -> None:
    back_up(stack, tmp_path / "backup")
    person = stack.register()  # and is in no backup

    for interruptions in (1, 2):
        interrupt_restore(stack, tmp_path / "backup", replacing=2 * interruptions)
        live, *later = [name for name in replaced(stack) if name.startswith("auth_")]
        assert person.public_id in users(stack, live)
        assert [name for name in later if person.public_id in users(stack, name)] == []
    status, output = run(stack, "restore", str(tmp_path / "backup"))

    assert status == 0, output
    assert replaced(stack) == []
    assert stack.run("keys", "ls", "/run/bookstore/keys") == "keys.json"
    assert person.get("/me", "auth").status_code == 401


def interrupt_restore(stack: Stack, backup: Path, *, replacing: int) -> None:
    """Begin a restore, and interrupt it once so many databases are replaced: it waits for the services."""
    restore = start(stack, "restore", str(backup))
    wait_until(lambda: restore.poll() is not None or len(replaced(stack)) == replacing, "nothing is replaced")
    status, output = interrupt(restore)

    assert status != 0, output
    assert "Run it again" in output
    assert len(replaced(stack)) == replacing


def back_up(stack: Stack, backup: Path) -> None:
    status, output = run(stack, "backup", str(backup))
    assert status == 0, output


def replaced(stack: Stack) -> list[str]:
    """Return the databases whose place was taken, the oldest of each service first."""
    query = "SELECT datname FROM pg_database WHERE datname LIKE '%replaced%' ORDER BY datname"
    return ask(stack, "postgres", query)


def test_the_first_start_says_nothing_odd_of_the_keys(stack: Stack) -> None:
    said = [line.partition("| ")[2].split()[0] for line in stack.logs("keys").splitlines()]

    assert said[:5] == ["made"] * 5
    assert set(said[5:]) <= {"kept"}  # of every later start of the stack


def test_keys_rotate_under_use_and_an_operator_makes_an_admin(stack: Stack) -> None:
    person, name = stack.register(), new_name()

    kid = stack.run("operator", "flask", "--app=auth_service", "keys", "rotate")
    create = ["flask", "--app=auth_service", "users", "create", "--admin", "--password-stdin", name]
    stack.execute("auth", *create, typed=PASSWORD)

    assert kid in stack.run("keys", "flask", "--app=auth_service", "keys", "list")
    audit = stack.execute("auth", "flask", "--app=auth_service", "audit")
    assert f'key.rotated detail="{kid}"' in audit
    assert person.get("/books").status_code == 200
    login = person.post("/login", {"name": name, "password": PASSWORD}, "auth", headers={}).json()
    listed = person.get("/users", "auth", headers={"x-access-tokens": login["token"]})
    assert listed.status_code == 200

"""The command `bookstore`: what people and programs read of it, its exit codes, and the README's examples."""

import os
import re
import shlex
import stat
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from bookstore_client.cli import output

from tests.client.conftest import Shell
from tests.people import PASSWORD, new_name
from tests.programs import ROOT
from tests.readme import blocks, walk
from tests.served import ServedPair


def test_a_shelf_is_kept_with_the_command_alone(user: Shell) -> None:
    (made,) = user.json("add", "Mort", "--author", "Ann", "--publisher", "Press", "--prize", "12")
    number = str(made["id"])

    assert [book["name"] for book in user.json("list", "mor", "--publisher", "press")] == ["Mort"]
    assert user.json("list", "--author", "Bea") == []
    assert user.run("list") == user.run("show", number) == f"{number}\tMort\tAnn\tPress\t12\n"
    assert user.run("edit", number, "--no-prize", "--name", "Eric") == f"{number}\tEric\tAnn\tPress\t-\n"
    assert user.json("show", number)[0]["prize"] is None
    user.run("remove", number)
    assert user.json("list", "--sort", "-author") == []


def test_a_session_begins_and_ends(user: Shell) -> None:
    name = str(user.json("whoami")[0]["name"])
    user.run("login", name, typed=f"{PASSWORD}\r\n")

    current, *others = sorted(user.json("sessions"), key=lambda session: not session["current"])
    assert len(user.json("sessions", "--end", str(others[0]["id"]))) == 1
    assert current["current"] is True
    user.run("logout")
    assert "log in with" in user.run("sessions", code=3)


def test_files_go_in_and_out(user: Shell, tmp_path: Path) -> None:
    file, copy = tmp_path / "books.csv", tmp_path / "copy.csv"
    file.write_text("name,Author,Publisher,book_prize\r\nMort,Ann,Press,12\r\n")

    assert user.json("import", str(file), "--dry-run") == [{"created": 1, "skipped": 0}]
    assert user.json("import", str(file)) == [{"created": 1, "skipped": 0}]
    assert user.run("import", "-", typed=file.read_text()) == "0\t1\n"
    user.run("export", str(copy))
    assert copy.read_text() == file.read_text()
    copy.chmod(0o600)
    user.run("export", str(copy))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert user.run("export", "-", "--format", "ndjson").startswith('{"name":"Mort"')
    user.run("logout")
    user.run("export", str(copy), code=3)
    assert copy.read_text() == file.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"books.csv", "copy.csv", "bookstore"}


def test_the_exit_code_says_what_went_wrong(shell: Shell, tmp_path: Path) -> None:
    assert "log in with" in shell.run("list", code=3)
    assert "Usage" in shell.run("nonsense", code=2)
    assert "no password" in shell.run("login", "Ann", code=2)
    assert shell.run("login", "Ann", typed="secret\n", code=1) == "Error: wrong name or password\n"
    shell.run("register", new_name(), typed=PASSWORD)
    assert shell.run("show", "987654321", code=1) == "Error: book does not exist\n"
    bad = tmp_path / "bad.csv"
    bad.write_text("name,Author,Publisher,book_prize\n" + "a,b,c,x\n" * 102)
    complaints = shell.run("import", str(bad), code=1).splitlines()
    assert complaints[1].startswith("  line 2: book_prize: ")
    assert complaints[-1] == "  and 2 more"
    assert "Error: " in shell.run("export", str(tmp_path / "nowhere" / "file"), code=1)
    nowhere = ("--auth-url=http://127.0.0.1:9", "--attempts=2")
    assert "no answer" in shell.run(*nowhere, "login", "Ann", typed="x", code=4)


def test_what_a_book_says_is_no_command_to_the_terminal(user: Shell) -> None:
    user.run("add", "\u202eMort [red]", "--author", "Ann", "--publisher", "Press")

    assert "\t\\u202eMort [red]\t" in user.run("list")
    assert "\u202e" not in user.run("list", "--json")
    assert output.escape("\x1b[2J \x9b2J\tMort é\u200d") == "\\x1b[2J \\x9b2J\\tMort é\u200d"


def run_python(code: str) -> str:
    """Run code as a program that has the library; return what it printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "client"), "NO_PROXY": "*"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
def test_the_examples_go_on_where_the_tour_ends(own_served_pair: ServedPair, tmp_path: Path) -> None:
    own_served_pair.start()
    auth, books = own_served_pair.url("auth"), own_served_pair.url("books")
    walk(auth=auth, books=books)
    code = re.findall(r"```python\n(.*?)```", (ROOT / "client/README.md").read_text(), re.S)[0]
    commands, _ = blocks("client/README.md", "## The command")
    shell = Shell(own_served_pair, tmp_path)

    printed = run_python(code.replace("http://localhost:5001", auth).replace("http://localhost:5002", books))
    with chdir(tmp_path):
        for line in commands.splitlines():
            shell.run(*shlex.split(line)[1:], typed=PASSWORD)

    assert printed == "Eric 15\nSourcery 10\nMort None\n"
    assert "Mort,Terry Pratchett,Corgi,12" in (tmp_path / "books.csv").read_text()

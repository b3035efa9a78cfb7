"""The examples of client/README.md run as they stand, after the quick tour of README.md."""

import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest

from tests.client.shell import Shell
from tests.people import PASSWORD
from tests.programs import ROOT
from tests.readme import blocks, walk
from tests.served import ServedPair

README = "client/README.md"


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
    code = re.findall(r"```python\n(.*?)```", (ROOT / README).read_text(), re.S)[0]
    commands, _ = blocks(README, "## The command")
    shell = Shell(own_served_pair, tmp_path)

    printed = run_python(code.replace("http://localhost:5001", auth).replace("http://localhost:5002", books))
    with chdir(tmp_path):
        for line in commands.splitlines():
            shell.run(*shlex.split(line)[1:], typed=PASSWORD)

    assert printed == "Eric 15\nSourcery 10\nMort None\n"
    assert "Mort,Terry Pratchett,Corgi,12" in (tmp_path / "books.csv").read_text()

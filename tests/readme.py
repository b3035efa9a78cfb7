"""What the tests read in the README, and the walk that they take."""

import os
import re
import subprocess

from tests.programs import ROOT

README = (ROOT / "README.md").read_text()
WALKER = ("Ann", "the moon is made of paper")  # whom the walk registers, with the password


def section(title: str) -> str:
    """Return the text under a heading, up to the next of the same or a higher level."""
    level = title.split(" ")[0]
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", README, re.M | re.S)
    assert found, title
    return found[1]


def walk(*, auth: str, books: str) -> None:
    """Run the lines of the walk against services without users; fail unless they end with the book listed."""
    (lines, _) = re.findall(r"```sh\n(.*?)```", section("## Quick tour"), re.S)
    environment = {"PATH": os.environ["PATH"], "AUTH": auth, "BOOKS": books}
    done = subprocess.run(
        ["bash", "-eu"], input=lines, env=environment, capture_output=True, text=True, check=True
    )

    assert '"message":"registered successfully"' in done.stdout
    assert '"name":"Ann","admin":false' in done.stdout
    assert '"message":"new books created"' in done.stdout
    assert re.search(r'\{"list_of_books":\[\{"id":1,"name":"Eric",[^\]]*\],"next":null\}$', done.stdout)

"""What the tests read in the documents, and the walk that they take."""

import os
import re
import subprocess
from dataclasses import fields

from common.settings import Settings
from tests.programs import ROOT

README = (ROOT / "README.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
WALKER = ("Ann", "the moon is made of paper")  # whom the walk registers, with the password

INTERNAL = {"service", "secret", "database_url", "is_command"}  # no settings, or with other names
NAMES = {  # where the variable is not the member in upper case
    "keys_file": "JWT_KEYS_FILE",
    "workers": "WEB_CONCURRENCY",
    "argon2_memory": "ARGON2_MEMORY_KIB",
}


def variables(kind: type[Settings]) -> set[str]:
    """Return the names of the settings of a service, without the service's own prefix."""
    members = {field.name for field in fields(kind)} - INTERNAL
    return {NAMES.get(name, name.upper()) for name in members}


def section(title: str) -> str:
    """Return the text under a heading, up to the next of the same or a higher level."""
    level = title.split(" ")[0]
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", README, re.M | re.S)
    assert found, title
    return found[1]


def walk(*, auth: str, books: str) -> None:
    """Run the lines of the walk against services without users; fail unless they end with the book listed."""
    *blocks, _ = re.findall(r"```sh\n(.*?)```", section("## Quick tour"), re.S)
    lines = "".join(blocks)
    assert "#" not in lines  # which zsh runs as a command
    environment = {"PATH": os.environ["PATH"], "AUTH": auth, "BOOKS": books}
    done = subprocess.run(
        ["bash", "-eu"], input=lines, env=environment, capture_output=True, text=True, check=True
    )

    assert '"message":"registered successfully"' in done.stdout
    assert '"name":"Ann","admin":false' in done.stdout
    assert '"message":"new books created"' in done.stdout
    assert done.stdout.count("\n") == 7  # each answer ends its line
    assert re.search(
        r'\{"list_of_books":\[\{"id":1,"name":"Eric",[^\]]*\],"next":null,"total":2\}$', done.stdout
    )

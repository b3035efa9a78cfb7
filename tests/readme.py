"""What the tests read in the documents, and the walk that they take."""

import re
from dataclasses import fields
from pathlib import Path

from common.settings import Settings
from tests.programs import ROOT
from tests.shells import paste

SETTINGS = (ROOT / "docs/settings.md").read_text()
DOCUMENTS = (
    *(ROOT / name / "README.md" for name in ("", "client", "contract")),
    *sorted((ROOT / "docs").glob("*.md")),
)
WALKER = ("Ann", "the moon is made of paper")  # whom the walk registers, with the password

INTERNAL = {"service", "secret", "database_url", "others", "is_command"}  # no settings, or with other names
NAMES = {  # where the variable is not the member in upper case
    "keys_file": "JWT_KEYS_FILE",
    "workers": "WEB_CONCURRENCY",
    "argon2_memory": "ARGON2_MEMORY_KIB",
}


def variables(kind: type[Settings]) -> set[str]:
    """Return the names of the settings of a service, without the service's own prefix."""
    members = {field.name for field in fields(kind)} - INTERNAL
    return {NAMES.get(name, name.upper()) for name in members}


def section(document: str, title: str) -> str:
    """Return the text under a heading, up to the next of the same or a higher level."""
    level, text = title.split(" ")[0], (ROOT / document).read_text()
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", text, re.M | re.S)
    assert found, title
    return found[1]


def links(document: Path) -> list[str]:
    """Return every target of a link that is not on another machine."""
    return re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text())


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(document: str, title: str, kind: str = "sh") -> list[str]:
    """Return each block of commands, or of code of another kind, under a heading."""
    return re.findall(rf"```{kind}\n(.*?)```", section(document, title), re.S)


def walk(shell: str = "bash", *, auth: str, books: str) -> None:
    """Paste the walk, with services without users; fail unless it ends with the book listed."""
    *steps, _ = blocks("README.md", "## Quick tour")  # the last one makes an admin

    printed = paste(shell, "".join(steps), AUTH=auth, BOOKS=books)

    assert '"message":"registered successfully"' in printed
    assert '"name":"Ann","admin":false' in printed
    assert '"message":"new books created"' in printed
    assert printed.count("\n") == 7  # each answer ends its line
    assert re.search(r'\{"list_of_books":\[\{"id":1,"name":"Eric",[^\]]*\],"next":null,"total":2\}$', printed)

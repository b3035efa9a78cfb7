"""Owns the programs of PostgreSQL: where they are, how they get there, and who runs them."""

import functools
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

from tests.debian import require

DEBIAN = "usr/lib/postgresql/*/bin"  # a folder a version, not in PATH
ORDINARY_USER = "nobody"  # runs the server where the tests run as root, whom it refuses
ICU_VERSION = 15  # the first whose initdb takes a collation of ICU for all databases
TIME = 60  # seconds for a program to end


def run_program(name: str, *arguments: str, cwd: Path) -> str:
    """Run one of PostgreSQL's programs as an ordinary user, in `cwd`; return what it printed."""
    command = [str(find_programs() / name), *arguments]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    with (cwd / f"{name}.log").open("w+") as log:  # a pipe would stay open as long as the server runs
        how = {"cwd": cwd, "env": environment, "stdout": log, "stderr": log, **ordinary_user()}
        done = subprocess.run(command, check=False, timeout=TIME, **how)
        log.seek(0)
        printed = log.read()
    assert done.returncode == 0, printed
    return printed


def hand_over(folder: Path) -> None:
    """Give a folder to the user who runs the server."""
    if user := ordinary_user():
        os.chown(folder, user["user"], user["group"])


def ordinary_user() -> dict[str, Any]:
    """Return who runs the programs, in the words of `subprocess`: nothing, unless the tests run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(ORDINARY_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def has_icu() -> bool:
    """Tell whether `initdb` can be asked for a collation of ICU."""
    version = subprocess.run(
        [find_programs() / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return int(version.stdout.split()[2].split(".")[0]) >= ICU_VERSION


@functools.cache
def find_programs() -> Path:
    """Return the folder with PostgreSQL's programs, which root installs if they are missing."""
    configuration = Path("/etc/postgresql-common/createcluster.conf")
    if os.geteuid() == 0 and not configuration.parent.exists():
        configuration.parent.mkdir()
        configuration.write_text("create_main_cluster = false\n")  # the package starts no server by itself
    (initdb,) = require(["initdb"], "postgresql", folders=DEBIAN)
    return initdb.resolve().parent

"""Owns the programs of PostgreSQL: where they are, how they get there, and who runs them."""

import functools
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.debian import NotInstalled, install

DEBIAN = Path("/usr/lib/postgresql")  # a folder a version, not in PATH
ORDINARY_USER = "nobody"  # runs the server where the tests run as root, whom it refuses
ICU_VERSION = 15  # the first whose initdb takes a collation of ICU for all databases
TIME = 60  # seconds for a program to end


class NoPostgres(Exception):
    """This machine cannot run a PostgreSQL server; the message says why."""


def run_program(name: str, *arguments: str, cwd: Path) -> str:
    """Run one of PostgreSQL's programs as an ordinary user, in `cwd`; return what it printed."""
    command = [str(find_programs() / name), *arguments]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    with (cwd / f"{name}.log").open("w+") as log:  # a pipe would stay open as long as the server runs
        try:
            subprocess.run(
                command,
                cwd=cwd,
                env=environment,
                stdout=log,
                stderr=log,
                check=True,
                timeout=TIME,
                **ordinary_user(),
            )
        except (OSError, subprocess.SubprocessError) as error:
            log.seek(0)
            raise NoPostgres(f"{name} failed: {error}\n{log.read()}") from error
        log.seek(0)
        return log.read()


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
    folder = _find()
    if folder is None:
        _install()
        folder = _find()
    if folder is None:
        raise NoPostgres("PostgreSQL's package has no initdb where Debian's has it")
    return folder


def _find() -> Path | None:
    """Return the folder that PATH leads to, or Debian's newest."""
    in_path = shutil.which("postgres")
    debian = sorted(DEBIAN.glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    candidates = [Path(in_path).resolve().parent] if in_path else []
    return next((folder for folder in [*candidates, *debian] if (folder / "initdb").exists()), None)


def _install() -> None:
    """Install Debian's package, without the server that it would start by itself."""
    configuration = Path("/etc/postgresql-common/createcluster.conf")
    if os.geteuid() == 0 and not configuration.exists():
        configuration.parent.mkdir(exist_ok=True)
        configuration.write_text("create_main_cluster = false\n")
    try:
        install("postgresql")
    except NotInstalled as error:
        raise NoPostgres(f"PostgreSQL is {error}") from error

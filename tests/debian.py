"""Finds the programs that tests need, and installs Debian's packages of them where the tests run as root."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

LOCK = Path(tempfile.gettempdir()) / "bookstore-tests-apt.lock"


def require(programs: Iterable[str], *packages: str, folders: str = "") -> list[Path]:
    """Return where the programs are, in PATH or in `folders` (such as "usr/*bin"); install what is missing.

    Or skip, or fail where everything has to run (CI).
    """
    if None in find(programs, folders) and (complaint := install(*packages)):
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"{packages[0]} is {complaint}")
    return [Path(path) for path in find(programs, folders) if path]


def find(programs: Iterable[str], folders: str) -> list[str | None]:
    """Return where each program is, in PATH or in the last of the folders that has it."""
    more = sorted(Path("/").glob(folders), reverse=True) if folders else []
    path = ":".join([os.environ["PATH"], *map(str, more)])
    return [shutil.which(program, path=path) for program in programs]


def install(*packages: str) -> str:
    """Install the packages, or say why not; one process at a time does, for apt-get refuses a second one."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"not installed (on Debian: {' and '.join(packages)})"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            command = ["apt-get", *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                return f"not installed: apt-get failed: {done.stderr.strip()[-300:]}"
    return ""

"""Installs what the tests need of Debian's packages, where they run as root."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

LOCK = Path(tempfile.gettempdir()) / "bookstore-tests-apt.lock"


class NotInstalled(Exception):
    """The packages could not be installed; the message says why."""


def install(*packages: str) -> None:
    """Install the packages; one process at a time does, since apt-get refuses a second one at once."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotInstalled(f"not installed (on Debian: {' and '.join(packages)})")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            done = subprocess.run(
                ["apt-get", *arguments], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise NotInstalled(f"apt-get failed: {done.stderr.strip()[-300:]}")


def require(programs: Iterable[str], *packages: str) -> None:
    """Install the packages if a program is missing; or skip, or fail where everything has to run (CI)."""
    try:
        if not all(map(shutil.which, programs)):
            install(*packages)
    except NotInstalled as error:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"{packages[0]} is {error}")

"""The shells that people paste the commands of the documents into."""

import os
import subprocess
from pathlib import Path

from tests.debian import require
from tests.programs import ROOT

# Interactive, without settings of their own: `#` is a command in zsh then, and `!` is expanded.
COMMANDS = {"bash": ["bash", "--norc", "-ei"], "zsh": ["zsh", "-fei"]}
SHELLS = tuple(COMMANDS)


def start_shell(name: str, *, folder: Path = ROOT, **environment: str) -> subprocess.Popen[str]:
    """Start a shell in a session of its own, which ends with the first command that fails."""
    require([name], name)
    return subprocess.Popen(
        COMMANDS[name],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HISTFILE": "", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # without the terminal of the tests
    )


def paste(name: str, lines: str, *, folder: Path = ROOT, **environment: str) -> str:
    """Return what the lines print, each pasted into a shell; fail unless every command succeeds."""
    with start_shell(name, folder=folder, **environment) as shell:
        output, errors = shell.communicate(lines)
    assert shell.returncode == 0, errors
    return output

"""Runs the scripts of deploy/, as the targets of make do."""

import os
import signal
import subprocess

from tests.e2e.stack import Stack


def start(stack: Stack, *words: str, **settings: str) -> subprocess.Popen[str]:
    """Start a script, in a group of its own, which `interrupt` can reach, even if this process ignores it."""
    return subprocess.Popen(
        ["env", "--default-signal=INT", f"deploy/{words[0]}", *words[1:]],
        cwd=stack.folder,
        env=stack.environment | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(stack: Stack, *words: str, **settings: str) -> tuple[int, str]:
    """Run a script to its end; return its status and what it printed."""
    process = start(stack, *words, **settings)
    output, _ = process.communicate()
    return process.returncode, output


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Do what Ctrl-C in a terminal does: it reaches all that the process has started, too."""
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate()
    return process.returncode, output

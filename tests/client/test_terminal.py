"""The command `bookstore` at a terminal and in a pipe: what it draws there, and how it is interrupted."""

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Shell
from tests.programs import ROOT

ROWS = "".join(f"Book {number},Ann,Press,{number}\n" for number in range(3000))
INTERRUPTED = 130
PATIENCE = 10  # seconds until a signal is sent again


def start(user: Shell, *words: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Start the command as a program of its own."""
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client"), "TERM": "xterm", "COLUMNS": "200"}
    command = [sys.executable, "-m", "bookstore_client", *words]
    return subprocess.Popen(command, env=own | user.environment, **streams)


@contextmanager
def at_a_terminal(user: Shell, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the command at a terminal; yield it, and the end where one sees what it draws."""
    screen, terminal = pty.openpty()
    with start(user, *words, stdin=terminal, stdout=terminal, stderr=terminal) as command:
        os.close(terminal)
        try:
            yield command, screen
        finally:
            command.kill()
            os.close(screen)


def read_until(screen: int, text: bytes) -> bytes:
    """Return what the terminal shows, up to this text, or to the end."""
    seen = b""
    while text not in seen:
        try:
            seen += os.read(screen, 4096)
        except OSError:  # its program has ended
            break
    return seen


def interrupt(command: subprocess.Popen[bytes], screen: int) -> bytes:
    """Press Ctrl-C until it is heeded; return what the terminal shows meanwhile.

    Python does not notice one that comes when it is just about to wait; people then press Ctrl-C again.
    """
    seen = b""
    with suppress(OSError):  # its program has ended
        while True:
            command.send_signal(signal.SIGINT)
            again = time.monotonic() + PATIENCE
            while time.monotonic() < again:
                seen += os.read(screen, 4096)  # the bar is drawn ten times a second
    return seen


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of many books."""
    path = tmp_path / "books.csv"
    path.write_text(f"name,Author,Publisher,book_prize\n{ROWS}")
    return path


def test_people_see_a_table(user: Shell) -> None:
    user.run("add", "\u202eMort [red]", "--author", "Ann", "--publisher", "Press")

    with at_a_terminal(user, "list") as (command, screen):
        seen = read_until(screen, b"\0").decode()
        assert command.wait() == 0

    header, row = [line for line in seen.splitlines() if line.strip()]
    assert "publisher" in header
    assert "\\u202eMort [red]" in row


def test_a_pipe_that_is_closed_ends_the_command_without_a_trace(user: Shell, file: Path) -> None:
    user.run("import", str(file))
    command = start(user, "list", stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    assert command.stdout
    assert command.stdout.readline().endswith(b"\tBook 0\tAnn\tPress\t0\n")
    command.stdout.close()

    assert command.communicate()[1] == b""
    assert command.returncode == 1


def test_an_import_that_is_interrupted_is_repeated(user: Shell, file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nowhere = f"--books-url=http://127.0.0.1:{silent.getsockname()[1]}"
        with at_a_terminal(user, nowhere, "import", str(file)) as (command, screen):
            assert b"Importing" in read_until(screen, b"Importing")
            assert b"Traceback" not in interrupt(command, screen)
            assert command.wait() == INTERRUPTED

    assert user.run("import", str(file)) == "3000\t0\n"
    assert user.run("export", "-").replace("\r", "") == file.read_text()

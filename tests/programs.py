"""Owns the programs that tests run: each is forked from a process that has imported the libraries already.

To import them takes a second of CPU, ten times what is left of a start. What a person types is started from
nothing in `tests/run`, `tests/e2e` and `tests/test_readme.py`.
"""

import atexit
import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

# Nothing of ours, and not prometheus_client, which looks at the environment when it is imported.
LIBRARIES = [
    "alembic.command",
    "argon2",
    "flask.cli",
    "flask_migrate",
    "flask_sqlalchemy",
    "flask_swagger_ui",
    "gunicorn.app.wsgiapp",
    "granian",
    "jwt",
    "psycopg",
    "pydantic.json_schema",
    "requests",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "structlog",
]

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(LIBRARIES)


class Program:
    """What `python -m` makes of `words`, in a process of its own, used like a `subprocess.Popen`.

    It writes to the ends of `output` and `errors` (left out: `output` too), and reads nothing or `typed`.
    """

    def __init__(
        self,
        *words: str,
        environment: Mapping[str, str],
        output: Path | str,
        errors: Path | str = "",
        typed: Path | str = os.devnull,
        together: Barrier | None = None,  # what it waits at before it begins
    ) -> None:
        Path(output).touch()  # to be read from now on
        files = [str(typed), str(output), str(errors or output)]
        self._process = _forks.Process(target=_run, args=(words, dict(environment), files, together))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended; raise `TimeoutError` if it has not after so many seconds."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, if there is somebody to get it."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Done(NamedTuple):
    """How a program ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def run(*words: str, environment: Mapping[str, str], typed: str = "", timeout: float = 120) -> Done:
    """Run a program to its end."""
    with TemporaryFile() as keyboard, TemporaryFile() as output, TemporaryFile() as errors:
        keyboard.write(typed.encode())
        keyboard.flush()
        typed, *written = (f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (keyboard, output, errors))
        program = Program(*words, environment=environment, typed=typed, output=written[0], errors=written[1])
        program.wait(timeout)
        output.seek(0)
        errors.seek(0)
        return Done(program.wait(), output.read().decode(), errors.read().decode())


def barrier(parties: int) -> Barrier:
    """Return what so many programs wait at for one another."""
    return _forks.Barrier(parties, timeout=60)


def _run(
    words: tuple[str, ...], environment: Mapping[str, str], files: Sequence[str], together: Barrier | None
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for number, path in enumerate(files):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY, 0o600)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0)  # noqa: SIM115 - what multiprocessing put there reads nothing
    sys.argv[:] = words
    if together:
        together.wait()
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # as a new interpreter does at its end

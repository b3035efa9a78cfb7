"""Owns a `tools/run.py` that was started for real, on free ports and a folder of its own."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from common.service_list import SERVICES
from tests.ports import free_port
from tests.programs import ROOT

WAIT = 60  # seconds for anything to happen, on a busy machine
KINDS = ("PORT", "METRICS_PORT")
PORTS = ("PAGE_PORT", *(f"{name.upper()}_{kind}" for name in SERVICES for kind in KINDS))


def heed_signals() -> None:
    """Let what is started hear Ctrl-C and a closed terminal, wherever the tests run."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def own_terminal() -> None:
    """Make what standard output is the terminal whose end is told by HUP."""
    heed_signals()
    fcntl.ioctl(1, termios.TIOCSCTTY, 0)


def ignore_hang_ups() -> None:
    """Do as nohup does, but keep the terminal."""
    own_terminal()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Run:
    """What `make run` starts, on free ports and a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = ROOT  # the checkout
        self.program = ["tools/run.py"]
        self.data = folder / "data"
        self._errors = folder / "stderr"
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHON_DOTENV_DISABLED": "1",  # whoever runs the tests may have settings of their own in .env
            "DATA_DIR": str(self.data),
            "WEB_CONCURRENCY": "1",
            "RUN": str(folder),  # marks the processes, see `processes`
            **{name: str(free_port()) for name in PORTS},
        }
        self.process: subprocess.Popen[str] | None = None

    @property
    def running(self) -> subprocess.Popen[str]:
        assert self.process is not None, "start it first"
        return self.process

    @property
    def errors(self) -> list[str]:
        """Return the lines that it wrote to standard error."""
        return self._errors.read_text().splitlines()

    @property
    def keys(self) -> Path:
        return self.data / "keys.json"

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.environment[f'{service}_PORT']}"

    def start(
        self,
        output: int = subprocess.PIPE,
        prepare: Callable[[], None] = heed_signals,
        *,
        words: Sequence[str] = (),
    ) -> None:
        """Start it in a session of its own, as a terminal would."""
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, *words],
                cwd=self.root,
                env=self.environment,
                stdout=output,
                stderr=errors,
                text=True,
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509 - it forks before the test has threads
            )

    def wait_ready(self) -> str:
        """Return the line that says that all is ready."""
        assert self.running.stdout is not None
        for line in self.running.stdout:
            if line.startswith("Ready:"):
                return line
        raise AssertionError(self.errors)

    def wait_end(self) -> int:
        """Return the exit status."""
        self.running.communicate(timeout=WAIT)
        return self.running.returncode

    def press_ctrl_c(self) -> None:
        os.killpg(self.running.pid, signal.SIGINT)

    def has_open(self, file: Path) -> bool:
        """Tell whether one of its processes has the file open."""
        with suppress(psutil.Error):
            return str(file) in {each.path for process in self.processes() for each in process.open_files()}
        return False

    def processes(self) -> list[psutil.Process]:
        """Return every process that it left behind, whoever its parent is."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("RUN") == self.environment["RUN"]:
                    found.append(process)
        return found


class Screen:
    """A terminal that shows what a run prints on it."""

    def __init__(self) -> None:
        self._terminal, self.output = os.openpty()
        self._shown = b""

    def read_until(self, text: str) -> list[str]:
        """Return all lines so far, as soon as `text` is among them."""
        while text.encode() not in self._shown or not self._shown.endswith(b"\n"):
            self._shown += os.read(self._terminal, 1000)
        return self._shown.decode().replace("\r\n", "\n").splitlines()

    def close(self) -> None:
        for end in (self._terminal, self.output):
            with suppress(OSError):  # a test may have closed it
                os.close(end)

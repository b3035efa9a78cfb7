"""`make run`, `make dev`: prepares keys and databases, and runs a Procfile until Ctrl-C, TERM or HUP.

The line that says that all is ready goes to standard output, among the services' logs; what went wrong goes
to standard error, and the exit status is then 1. No process is left behind, whatever happens.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # run as a file, so that make and people need no -m
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop(*_: object) -> None:
    """Exit at the first signal; a second, as TERM after HUP, would keep the exit from ending the services."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    sys.exit(0)


for number in SIGNALS if __name__ == "__main__" else ():
    if signal.getsignal(number) != signal.SIG_IGN:  # as HUP is under nohup
        signal.signal(number, stop)  # at once: what follows takes a moment to import

from dotenv import load_dotenv  # noqa: E402 - not before the signals
from flask.cli import cli  # noqa: E402 - not before the signals

from common.feed.settings import FollowerSettings  # noqa: E402 - not before the signals
from common.service_list import SERVICES  # noqa: E402 - not before the signals
from common.settings import Settings  # noqa: E402 - not before the signals
from common.tokens.keys import load_keys  # noqa: E402 - not before the signals
from tools.page import page_port, url  # noqa: E402 - not before the signals
from tools.ports import PAGE_HOST, Port, taken_ports  # noqa: E402 - not before the signals
from tools.supervisor import STDOUT, Supervisor, say  # noqa: E402 - not before the signals

PROCFILES = {"run": "Procfile", "dev": "Procfile.dev"}
PREPARATION = ("auth_service keys init", *(f"{name}_service db upgrade" for name in SERVICES))
DIRECTLY = build_opener(ProxyHandler({}))
FORKS = multiprocessing.get_context("fork")
STDERR = 2  # the file descriptor
TRACE = "Traceback (most recent call last):"


def main(procfile: str) -> None:
    """Check, prepare, start, say so, and wait."""
    os.chdir(ROOT)
    os.umask(0o077)  # the databases hold password hashes: they are their owner's, whatever the folder allows
    load_dotenv(ROOT / ".env")  # as flask does for its commands; what is set already stays
    services = [settings_of(name) for name in SERVICES]
    os.environ["PAGE_PORT"] = str(page_port())  # for the Procfile
    os.environ["LOG_FORMAT"] = services[0].log_format  # the services write into a pipe, which ends here
    check_ports(*services)
    check_data_folder(services[0].data_dir)
    for command in PREPARATION:
        run(*command.split())
    load_keys(services[0])
    page, heartbeat = f"http://{PAGE_HOST}:{page_port()}", follower_heartbeat(services)
    urls = [page, *(f"{url(service)}/readyz" for service in services)]
    with Supervisor(procfile) as supervisor:
        while supervisor.is_running() and not (heartbeat.exists() and all(map(answers, urls))):
            time.sleep(0.1)
        if supervisor.is_running():
            where = ", ".join(f"{service.service} at {url(service)}" for service in services)
            say(f"Ready: the page is at {page}, {where}, each with its /docs; Ctrl-C stops them.\n".encode())
        supervisor.wait()
    sys.exit(f"make run: {supervisor.ended} ended")


def settings_of(service: str) -> Settings:
    """Return the settings of a service, whose class has its name, or exit naming a variable."""
    kind = f"{service.title().replace('_', '')}Settings"
    settings: Settings = getattr(import_module(f"{service}_service.settings"), kind).read()
    return settings


def check_ports(*services: Settings) -> None:
    """See that every port is free: what shares its port would not notice another pair."""
    ports = [Port("PAGE_PORT", PAGE_HOST, page_port())]
    for service in services:
        name = service.service.upper()
        ports.append(Port(f"{name}_PORT", service.host, service.port))
        ports.append(Port(f"{name}_METRICS_PORT", service.metrics_host, service.metrics_port))
    for port, reason in taken_ports(ports):
        sys.exit(f"make run: {port}: {reason} ({port.setting}); `make doctor` says who has it")


def check_data_folder(folder: Path) -> None:
    """Make the folder, readable by its owner alone, and see that a file can be written in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        sys.exit(f"make run: the data folder {folder} cannot be written: {error.strerror} (DATA_DIR)")


def run(package: str, *words: str) -> None:
    """Run a command of a service in silence, or exit with what it complains of in one line.

    It has a process of its own, but a forked one: to import the service again takes longer than the command.
    """
    with TemporaryFile() as errors:
        command = FORKS.Process(target=run_silently, args=(errors.fileno(), package, *words), daemon=True)
        command.start()
        command.join()
        errors.seek(0)
        written = errors.read().decode(errors="replace")
    if command.exitcode:
        lines = [line for line in written.rpartition(TRACE)[2].splitlines() if line[:1].strip()]
        complaint = lines[0 if TRACE in written else -1] if lines else f"status {command.exitcode}"
        sys.exit(f"make run: {package} {' '.join(words)}: {complaint}")


def run_silently(errors: int, package: str, *words: str) -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is stop:
            signal.signal(number, signal.SIG_DFL)  # SQLite waits for a lock where Python calls no handler
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
    os.dup2(errors, STDERR)
    cli.main(["--app", package, *words], prog_name="flask")


def follower_heartbeat(services: Sequence[Settings]) -> Path:
    """Return the file that a follower makes when it has begun; remove that of an earlier one."""
    follower = next(service for service in services if isinstance(service, FollowerSettings))
    file = follower.follower_heartbeat or follower.data_dir / "follower"
    file.unlink(missing_ok=True)
    os.environ["FOLLOWER_HEARTBEAT"] = str(file)
    return file


def answers(url: str) -> bool:
    """Tell whether a GET of `url` is answered with 200."""
    with suppress(OSError, HTTPException), DIRECTLY.open(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


if __name__ == "__main__":
    main(PROCFILES[sys.argv[1] if len(sys.argv) > 1 else "run"])

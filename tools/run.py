"""Runs both services and the follower on the data of one folder until Ctrl-C or TERM: `make run`.

It also ends when one of them does. The line that it prints when all are ready goes to standard output, among
the services' logs; what went wrong goes to standard error, and the exit status is then 1. No process is left
behind, whatever happens.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6, create_server
from tempfile import TemporaryFile

from dotenv import load_dotenv

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a file, so that make and people need no -m
from tools.processes import Failure, Processes, Stopped
from tools.program import Program

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Place:
    """An address that a service listens on, and the setting that moves it."""

    setting: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """Return where this machine reaches it; a wildcard address means every address of the machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  # not bound here
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def main() -> int:
    """Start everything, say so, and wait."""
    os.chdir(ROOT)
    os.umask(0o077)  # the databases hold password hashes: they are their owner's, whatever the folder allows
    load_dotenv(ROOT / ".env")  # as flask does for its commands; what is set already stays
    try:
        with Processes() as processes:
            start(processes, os.environ)
            processes.wait()
    except Stopped:
        return 0
    except Failure as failure:
        print(f"make run: {failure}", file=sys.stderr)
    return 1


def start(processes: Processes, environment: Mapping[str, str]) -> None:
    """Prepare the data, start the services, and return when every one of them is ready."""
    auth, books = places(environment, "AUTH", 5001, 9101), places(environment, "BOOKS", 5002, 9102)
    check_ports([*auth, *books])
    make_data_folder(data_folder(environment))
    processes.run(list(key_commands(environment)))
    processes.run([flask("auth_service", "db", "upgrade"), flask("books_service", "db", "upgrade")])
    processes.start([gunicorn("auth_service", auth[0]), gunicorn("books_service", books[0])])
    processes.start([follower()])  # only now, so that it finds auth at once
    say(f"Ready: auth is at {auth[0].url}, books at {books[0].url}, each with its /docs; Ctrl-C stops them.")


def flask(package: str, *command: str) -> Program:
    return Program(f"{package} {' '.join(command)}", ["flask", "--app", package, *command])


def gunicorn(package: str, place: Place) -> Program:
    arguments = ["gunicorn", "--config", f"{package}/gunicorn_conf.py", f"{package}:create_app()"]
    return Program(package, arguments, ready=f"{place.url}/readyz", stays=True)


def follower() -> Program:
    return Program("the follower of books", ["flask", "--app", "books_service", "follow"], stays=True)


def key_commands(environment: Mapping[str, str]) -> Iterator[Program]:
    """Yield the command that makes the key file, unless it is there or the key comes from the environment."""
    given = {"JWT_SECRET", "JWT_SECRET_FILE"} & environment.keys()
    path = setting(environment, "JWT_KEYS_FILE") or data_folder(environment) / "keys.json"
    if not given and not os.path.lexists(path):
        yield flask("auth_service", "keys", "init")


def setting(environment: Mapping[str, str], name: str) -> str:
    """Return a setting as the services read it: itself, or from the file that `NAME_FILE` names."""
    if path := environment.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except (OSError, ValueError) as error:
            raise Failure(f"{name}_FILE does not name a readable text file") from error
    return environment.get(name, "")


def data_folder(environment: Mapping[str, str]) -> Path:
    return Path(setting(environment, "DATA_DIR") or "instance")


def make_data_folder(folder: Path) -> None:
    """Make the folder, readable by its owner alone, and see that a file can be written in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Failure(f"the data folder {folder} cannot be written: {error.strerror} (DATA_DIR)") from error


def places(environment: Mapping[str, str], prefix: str, port: int, metrics_port: int) -> tuple[Place, Place]:
    """Return where a service answers, and where it shows its metrics."""
    return (
        place(environment, "HOST", f"{prefix}_PORT", port),
        place(environment, "METRICS_HOST", f"{prefix}_METRICS_PORT", metrics_port),
    )


def place(environment: Mapping[str, str], host: str, name: str, default: int) -> Place:
    port = setting(environment, name) or str(default)
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:9]) < 2**16):
        raise Failure(f"{name} must be a whole number from 1 to 65535")
    return Place(setting=name, host=setting(environment, host) or "127.0.0.1", port=int(port))


def check_ports(wanted: list[Place]) -> None:
    """See that every port is free: gunicorn shares its ports, so it would not notice another pair."""
    with ExitStack() as sockets:
        for each in wanted:
            family = AF_INET6 if ":" in each.host else AF_INET
            try:
                sockets.enter_context(create_server((each.host, each.port), family=family))
            except OSError as error:
                reason = (error.strerror or str(error)).partition(" (while")[0].lower()
                raise Failure(f"port {each.port} of {each.host}: {reason} ({each.setting})") from error


def say(line: str) -> None:
    with suppress(OSError):  # nobody has to be reading
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""What `make doctor` finds with Python's own library: ports, data, disk, clock and Docker."""

import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from errno import EADDRINUSE
from functools import cache
from http.client import HTTPException
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from urllib.request import ProxyHandler, build_opener

from common.service_list import SERVICES
from tools.ports import PAGE_HOST, Port, holder_of, output_of, taken_ports

OK, NOTE, FAULT = "ok", "note", "FAULT"
Finding = tuple[str, str]  # the level, and a sentence

IN_USE = os.strerror(EADDRINUSE).lower()
DIRECTLY = build_opener(ProxyHandler({}))
SKEW = 30  # seconds that the services forgive a token
ROOM = 2**30  # bytes
OTHERS = 0o077  # all that a mode allows to others than the owner
SECRETS = Path("/run/secrets")  # these may be read by others
DOCKER = {  # the oldest versions that Compose works with, and who says which are here
    "the engine": ((20, 10), ("docker", "version", "--format", "{{.Server.Version}}")),
    "Compose": ((2, 24), ("docker", "compose", "version", "--short")),
}
# Containers read these files as users of their own; what git does not have there may be secret.
MOUNTED = ["client/web", "deploy/monitoring", "deploy/nginx", "deploy/pgbouncer", "deploy/postgres"]
CONTAINER_USER = 10001
PROFILE = re.compile(r"profiles: \[\W?([\w.-]+)")


def setting(name: str, default: object) -> str:
    """Return a setting as it was written; the services check it."""
    return os.environ.get(name) or str(default)


@cache
def ask_dates() -> dict[str, float]:
    """Return the time by the clock of each service that runs, by its port's setting."""
    dates = {}
    for port in service_ports():
        host = f"[{port.host}]" if ":" in port.host else port.host
        with suppress(OSError, HTTPException, ValueError, TypeError):
            answer = DIRECTLY.open(f"http://{host}:{port.number}/healthz", timeout=2)
            if json.loads(answer.read(100)) == {"status": "ok"}:
                dates[port.setting] = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    return dates


def list_ports() -> Iterator[Port]:
    """Yield the ports of `make run`."""
    yield port_of("PAGE_PORT", 5000, PAGE_HOST)
    yield from service_ports()
    for service, ports in SERVICES.items():
        yield port_of(f"{service}_METRICS_PORT", ports["metrics_port"], setting("METRICS_HOST", PAGE_HOST))


def service_ports() -> Iterator[Port]:
    for service, ports in SERVICES.items():
        yield port_of(f"{service}_PORT", ports["port"], setting("HOST", PAGE_HOST))


def port_of(name: str, default: int, host: str) -> Port:
    """Return what a setting says; what is no number becomes 0, which is always free."""
    number = setting(name.upper(), default)
    return Port(name.upper(), host, min(int(number), 65535) if re.fullmatch("[0-9]{1,9}", number) else 0)


def check_ports() -> Iterator[Finding]:
    ports, address = [*list_ports()], setting("BIND_ADDRESS", PAGE_HOST)
    published = [Port(name, address, number) for name, _, number in ports if "_METRICS_" not in name]
    taken = chain(taken_ports(ports), taken_ports(published))
    yield from dict.fromkeys(explain(port, reason) for port, reason in taken)


def explain(port: Port, reason: str) -> Finding:
    """Return who has a port that is taken; the pair itself may have it."""
    if reason != IN_USE:
        return FAULT, f"{port}: {reason}: change {port.setting}, or the setting of the address"
    held = f"{port} is held by {holder_of(port.number)}"
    if len(ask_dates()) == len(SERVICES):
        return NOTE, f"{held}: the services run already, from here or from another folder"
    return FAULT, f"{held}: stop that, or change {port.setting}"


def data_folder() -> Path:
    folder = Path(setting("DATA_DIR", "instance"))
    with suppress(RuntimeError):  # of ~nobody, which the services refuse
        folder = folder.expanduser()
    return folder.absolute()


def data_files() -> list[Path]:
    """Return the folder of the data, the databases and the key file, as far as they are there."""
    folder = data_folder()
    databases = chain.from_iterable(folder.glob(f"{service}.db*") for service in SERVICES)
    paths = folder, *databases, Path(setting("JWT_KEYS_FILE", folder / "keys.json"))
    return [path for path in paths if os.access(path, os.F_OK)]


def nearest_folder() -> Path:
    """Return the folder of the data, or the one in which it will be made."""
    folder = data_folder()
    return next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))


def check_data() -> Iterator[Finding]:
    """Look who may read and write the data, and whether there is room."""
    try:
        TemporaryFile(dir=nearest_folder()).close()
    except OSError as error:
        yield FAULT, f"{data_folder()}: {error.strerror}: make it a folder of yours, or change DATA_DIR"
    for path in data_files():
        if not os.access(path, os.R_OK | (os.W_OK if ".db" in path.name else 0)):
            yield FAULT, f"{path} is not yours: change its owner with `sudo chown`, and its mode to 0600"
    if opened := [str(path) for path in data_files() if is_open(path)]:
        yield FAULT, f"others can read the data: run `chmod go= {shlex.join(opened)}`"
    yield check_room("the data", nearest_folder(), "remove something, or change DATA_DIR")


def is_open(path: Path) -> bool:
    """Tell whether others may open a file; a folder may be shared, for each file in it is made closed."""
    return path.is_file() and bool(path.stat().st_mode & OTHERS) and SECRETS not in path.parents


def check_room(what: str, folder: Path, cure: str) -> Finding:
    free = shutil.disk_usage(folder).free
    level, end = (FAULT, f": {cure}") if free < ROOM else (OK, "")
    return level, f"{free / 2**30:.1f} GiB are free for {what}{end}"


def check_clock() -> Iterator[Finding]:
    """Compare the time with each clock that is at hand; a file from the future tells of a clock set back."""
    newest = max([time.time(), *(path.stat().st_mtime for path in data_files())])
    times = {**ask_dates(), "the newest file of the data": newest}
    with suppress(OSError), TemporaryFile(dir=nearest_folder()) as file:
        times["the file system"] = os.fstat(file.fileno()).st_mtime
    yield from compare_clocks(times)


def compare_clocks(times: Mapping[str, float]) -> Iterator[Finding]:
    ahead = {name: then - time.time() for name, then in times.items()}
    wrong = {name: seconds for name, seconds in ahead.items() if abs(seconds) > SKEW}
    for name, seconds in wrong.items():
        side = "ahead of" if seconds > 0 else "behind"
        yield FAULT, f"{name} is {abs(seconds):.0f} s {side} this clock: set both by NTP"
    if not wrong:
        yield OK, f"it agrees with {', '.join(times)}"


def check_profiles() -> Iterator[Finding]:
    """Look whether Compose knows the profiles that it is to start, and starts the one that is needed."""
    files = Path().glob("docker-compose*.yml")  # one of them may be the operator's own
    known = {name for file in files for name in PROFILE.findall(file.read_text())}
    profiles = set(re.findall(r"[^,\s]+", setting("COMPOSE_PROFILES", "")))
    for name in sorted(profiles - known - {"*"}):
        yield FAULT, f"COMPOSE_PROFILES: {name} is none of {', '.join(sorted(known))}"
    if setting("DATABASE_HOST", "db") == "pgbouncer" and not profiles & {"pgbouncer", "*"}:
        yield FAULT, "DATABASE_HOST is pgbouncer: add pgbouncer to COMPOSE_PROFILES, or leave both out"


def check_docker() -> Iterator[Finding]:
    """Look at Docker, which only `make up` needs."""
    if not shutil.which("docker"):
        yield NOTE, "it is not installed: `make up` needs it, `make run` does not"
        return
    for name, (oldest, command) in DOCKER.items():
        yield check_version(name, oldest, output_of(*command))
    root = Path(output_of("docker", "info", "--format", "{{.DockerRootDir}}") or "/nowhere")
    if root.exists():  # or else it is on another machine
        yield check_room("Docker", root, "remove what it does not use with `docker system prune`")
    if closed := [str(path) for path in mounted_paths() if is_closed(path)]:
        yield FAULT, f"containers cannot read all files: run `chmod a+rX {shlex.join(closed)}`"


def check_version(name: str, oldest: tuple[int, ...], version: str) -> Finding:
    """Look whether a part of Docker answers, and is new enough."""
    found = re.search(r"(\d+)\.(\d+)", version)
    if not found:
        return NOTE, f"{name} does not answer: `make up` needs it running, and you in its group"
    if tuple(map(int, found.groups())) < oldest:
        return FAULT, f"{name} is {version}: install {oldest[0]}.{oldest[1]} or newer for `make up`"
    return OK, f"{name} is {version}"


def mounted_paths() -> list[Path]:
    """Return the files of the repository that containers read, and their folders."""
    listed = output_of("git", "ls-files", "-z", *MOUNTED).split("\0")
    files = [Path(name) for name in listed if os.access(name, os.F_OK)]
    folders = {folder for file in files for folder in file.parents if len(folder.parts) > 1}
    return sorted(folders.union(file for file in files if file.name != ".gitignore"))


def is_closed(path: Path) -> bool:
    """Tell whether neither others nor the user of the containers can read a file or search a folder."""
    status, needed = path.stat(), 0o005 if path.is_dir() else 0o004
    return status.st_uid != CONTAINER_USER and needed & ~status.st_mode != 0

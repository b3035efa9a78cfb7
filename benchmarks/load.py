"""A load: what wrk sends, and what the processes under it spend meanwhile."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

SCRIPT = Path(__file__).with_name("load.lua")
THREADS = 2  # of wrk
TIMEOUT = 10  # seconds that wrk waits for an answer before it counts an error
WARM_UP = 1  # seconds
COLUMNS = ("", "req/s", "p50 ms", "p99 ms", "server us/req", "database us/req", "errors")
WIDTH = 17  # characters


@dataclass(frozen=True, kw_only=True)
class Route:
    """A request to be sent again and again; a `{n}` in the body is another number each time."""

    name: str
    method: str
    url: str  # of the service
    paths: Sequence[str]  # taken in turn
    authorizations: Sequence[str]  # likewise, each with each of the paths
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a load showed; the times of the processor are microseconds a request."""

    rate: float  # requests a second
    p50: float  # milliseconds
    p99: float  # milliseconds
    server: float
    database: float | None  # None where the database has no processes of its own
    errors: int  # connections that broke, answers that were late or not 2xx or 3xx


def measure(
    route: Route, *, seconds: int, connections: int, server: Sequence[int], database: Sequence[int]
) -> Measurement:
    """Load a route for `seconds`, after a moment to warm up; `server` and `database` are process ids."""
    run_wrk(route, seconds=WARM_UP, connections=connections)
    before = processor_time(*server), processor_time(*database)
    result = run_wrk(route, seconds=seconds, connections=connections)
    spent = processor_time(*server) - before[0], processor_time(*database) - before[1]
    requests = max(result["requests"], 1)
    return Measurement(
        rate=result["requests"] / result["microseconds"] * 1e6,
        p50=result["p50"] / 1000,
        p99=result["p99"] / 1000,
        server=spent[0] / requests * 1e6,
        database=spent[1] / requests * 1e6 if database else None,
        errors=result["errors"],
    )


def run_wrk(route: Route, *, seconds: int, connections: int) -> dict[str, int]:
    """Run wrk and return what `load.lua` prints: counts, and times in microseconds."""
    command = ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT}s"]
    environment = {
        "PATH": os.environ["PATH"],
        "METHOD": route.method,
        "PATHS": "\n".join(route.paths),
        "AUTHORIZATIONS": "\n".join(route.authorizations),
        "BODY": route.body.replace("{n}", f"{secrets.token_hex(4)}-{{n}}"),  # wrk counts from 1 in every run
    }
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: install it (on Debian the package wrk)")
    done = subprocess.run(
        [*command, "--script", str(SCRIPT), route.url],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"wrk: {(done.stderr or done.stdout).strip()}")
    result: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return result


def processor_time(*roots: int) -> float:
    """Return the seconds of processor time that trees of processes have used, their dead included."""
    total = 0.0
    for root in map(psutil.Process, roots):
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])  # user and system, its own and its dead children's
    return total


def summarize(rounds: Sequence[Measurement]) -> Measurement:
    """Return the median of each number over some rounds, and the sum of the errors."""
    databases = [each.database for each in rounds if each.database is not None]
    return Measurement(
        rate=median(each.rate for each in rounds),
        p50=median(each.p50 for each in rounds),
        p99=median(each.p99 for each in rounds),
        server=median(each.server for each in rounds),
        database=median(databases) if databases else None,
        errors=sum(each.errors for each in rounds),
    )


def table(results: Mapping[str, Measurement]) -> str:
    """Return lines for a person, one a name."""
    return "\n".join(_line(cells) for cells in [COLUMNS, *(_cells(*item) for item in results.items())])


def _cells(name: str, result: Measurement) -> tuple[str, ...]:
    database = "-" if result.database is None else f"{result.database:.0f}"
    times = (f"{result.p50:.2f}", f"{result.p99:.2f}", f"{result.server:.0f}", database)
    return (name, f"{result.rate:.0f}", *times, str(result.errors))


def _line(cells: Sequence[str]) -> str:
    return cells[0].ljust(WIDTH) + "".join(cell.rjust(WIDTH) for cell in cells[1:])

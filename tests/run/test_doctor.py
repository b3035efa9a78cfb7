"""`make doctor` finds real faults, each with a line that says what to do, and shows no secret."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.e2e.stack import clone
from tests.ports import free_port
from tests.readme import SETTINGS
from tests.run.runs import PORTS, Run
from tests.served import ServedPair
from tools.doctor.__main__ import ALIKE_IN_FILE, check_names

DOCTOR = ("-m", "tools.doctor")
# Root could write everywhere, so it gives that up.
AS_ORDINARY_USER = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
PASSWORD = "correct-horse"


@pytest.fixture
def run(run: Run, tmp_path: Path) -> Run:
    """Let it be a checkout of its own, so that nobody's .env counts."""
    run.root = clone(tmp_path / "checkout")
    run.data.mkdir(mode=0o700)
    return run


def examine(run: Run, *python: str, before: tuple[str, ...] = ()) -> tuple[int, str]:
    """Return the exit status and what was printed."""
    done = subprocess.run(
        [*before, sys.executable, *python, *DOCTOR],
        cwd=run.root,
        env=run.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


class YesterdaysService(BaseHTTPRequestHandler):
    """A service on a machine whose clock is a day behind."""

    answer = b'{"status": "ok"}'

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string((timestamp or time.time()) - 86_400)

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)


class DeepAnswer(YesterdaysService):
    """What is no service, and whose answer no parser likes."""

    answer = b"[" * 100_000


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], port: int) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        yield


def close_a_mounted_file(root: Path) -> None:
    """Let containers not read a file of a repository, beside a private file and a link that leads nowhere."""
    (root / "deploy/nginx/nginx.conf").chmod(0o600)
    (root / "deploy/nginx/gone.conf").symlink_to("nowhere")
    (root / "deploy/nginx/tls/privkey.pem").touch(0o600)
    for words in ["init", "--quiet"], ["add", "client", "deploy"]:
        subprocess.run(["git", *words], cwd=root, check=True)


def test_every_setting_is_known() -> None:
    names = re.findall(r"`([A-Z][A-Z0-9_]+)`", SETTINGS)

    assert len(names) > 30
    assert [*check_names(dict.fromkeys(names, ""), ALIKE_IN_FILE)] == []


@pytest.mark.parametrize("python", [(), ("-S",)], ids=["installed", "bare"])
def test_a_machine_where_nothing_is_wrong(run: Run, python: tuple[str, ...]) -> None:
    run.environment |= {"COMPOSE_PROFILES": "monitoring, pgbouncer", "DATABASE_HOST": "pgbouncer"}
    run.data.chmod(0o1777)  # it may be shared: nobody is told to close a folder of others

    status, printed = examine(run, *python)

    assert (status, "FAULT" in printed) == (0, False)
    assert printed.count("\n") >= 6
    assert ("make run` installs them" in printed) == bool(python)


@pytest.mark.parametrize("python", [(), ("-S",)], ids=["installed", "bare"])
def test_all_faults_are_told_at_once(run: Run, tmp_path: Path, python: tuple[str, ...]) -> None:
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho 19.03.1\n")
    docker.chmod(0o755)
    (run.root / ".venv").mkdir()
    run.keys.touch(0o644)
    run.keys.chmod(0o644)
    tomorrow = time.time() + 86_400
    os.utime(run.keys, (tomorrow, tomorrow))
    close_a_mounted_file(run.root)
    (run.root / ".env").write_text(f"export CORS_ORIGIN='{PASSWORD}'\nJWT_SECRET = {PASSWORD}\n")
    run.environment |= {
        "PATH": f"{tmp_path}/bin:{run.environment['PATH']}",
        "DATA_DIR": "/proc",
        "JWT_KEYS_FILE": str(run.keys),
        "AUTH_PROT": PASSWORD,
        "BOOKS_PORT": run.environment["AUTH_PORT"],
        "METRICS_HOST": "192.0.2.1",
        "COMPOSE_PROFILES": "pgbouncr",
        "DATABASE_HOST": "pgbouncer",
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        run.environment["PAGE_PORT"] = port = str(listener.getsockname()[1])
        status, printed = examine(run, *python)

    assert status == 1
    assert PASSWORD not in printed
    expected = [
        "CORS_ORIGIN in .env is no setting: did you mean CORS_ORIGINS?",
        "AUTH_PROT is no setting: did you mean AUTH_PORT?",
        rf"port {port} of 127.0.0.1 is held by .*: stop that, or change PAGE_PORT",
        "is held by .*: stop that, or change BOOKS_PORT",
        r"of 192\.0\.2\.1: .*: change AUTH_METRICS_PORT, or",
        f"others can read the data: run `chmod go= {run.keys}`",
        "the newest file of the data is 86... s ahead",
        "COMPOSE_PROFILES: pgbouncr is none of monitoring, operator, pgbouncer",
        "DATABASE_HOST is pgbouncer: add pgbouncer to COMPOSE_PROFILES",
        "the engine is 19.03.1: install 20.10 or newer",
        "run `chmod a[+]rX .*deploy/nginx/nginx.conf",
        "change DATA_DIR",
        "0.0 GiB are free for the data",
        r"is missing in \.venv: run `make clean`" if python else "JWT_SECRET",
    ]
    assert "privkey" not in printed
    assert [line for line in expected if not re.search(rf"^FAULT .*{line}", printed, re.M)] == []


def test_a_database_that_does_not_answer_is_named_without_its_password(run: Run) -> None:
    run.environment["BOOKS_DATABASE_URL"] = f"postgresql://ann:{PASSWORD}@127.0.0.1:{free_port()}/books"

    status, printed = examine(run)

    assert status == 1
    assert re.search("^FAULT .*BOOKS_DATABASE_URL", printed, re.M)
    assert PASSWORD not in printed


@pytest.mark.parametrize(("python", "text"), [((), b"THREADS=4\0"), (("-S",), b"THREADS=\xff")])
def test_a_settings_file_that_cannot_be_read(run: Run, python: tuple[str, ...], text: bytes) -> None:
    (run.root / ".env").write_bytes(text)

    status, printed = examine(run, *python)

    assert (status, ".env is no text in UTF-8" in printed) == (1, True)


def test_a_folder_and_a_file_that_others_own(run: Run) -> None:
    (run.data / "auth.db").touch(0o400)
    run.data.chmod(0o500)

    status, printed = examine(run, "-S", before=AS_ORDINARY_USER)

    assert status == 1
    assert f"{run.data}: Permission denied" in printed
    assert "auth.db is not yours" in printed


@pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)
def test_a_pair_that_runs_is_no_fault_and_its_clocks_are_compared(
    own_served_pair: ServedPair, run: Run
) -> None:
    own_served_pair.start()
    run.environment |= own_served_pair.environment

    status, printed = examine(run)

    assert (status, "FAULT" in printed) == (0, False)
    assert printed.count("the services run already") == len(PORTS) - 1  # all but the page
    assert "scrape" not in own_served_pair.log("auth").read_text()  # nobody asked for its numbers
    for clock in ("AUTH_PORT, BOOKS_PORT", "the database of auth", "the database of books"):
        assert f"it agrees with {clock}" in printed


def test_who_has_a_port_is_named_and_a_service_with_another_clock(run: Run) -> None:
    if not any(map(shutil.which, ("lsof", "ss"))):
        pytest.skip("needs lsof or ss")
    ports = {name: int(run.environment[name]) for name in PORTS}
    run.environment["BOOKS_METRICS_PORT"] = run.environment["AUTH_METRICS_PORT"]
    with (
        socket.create_server(("127.0.0.1", ports["PAGE_PORT"])),
        served(DeepAnswer, ports["AUTH_PORT"]),
        served(YesterdaysService, ports["BOOKS_PORT"]),
    ):
        status, printed = examine(run, "-S")

    assert status == 1
    for setting in ("PAGE_PORT", "AUTH_PORT"):
        assert f"(process {os.getpid()}): stop that, or change {setting}" in printed
    assert "held by another of these settings: stop that, or change BOOKS_METRICS_PORT" in printed
    assert re.search(r"^FAULT .*BOOKS_PORT is 8[67]... s behind this clock: set both by NTP", printed, re.M)


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_on_a_terminal_unless_they_are_not_wanted(run: Run, no_color: str) -> None:
    terminal, output = os.openpty()
    command, environment = [sys.executable, "-S", *DOCTOR], run.environment | {"NO_COLOR": no_color}
    subprocess.run(command, cwd=run.root, env=environment, stdout=output, check=True)

    shown = os.read(terminal, 10_000)
    assert (b"\033[32mok" in shown) == (no_color == "")


def test_make_needs_no_more_than_a_python(run: Run) -> None:
    def make(python: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "doctor", f"PYTHON={python}"]
        return subprocess.run(
            command, cwd=run.root, env=run.environment, capture_output=True, text=True, check=False
        )

    assert "nothing is wrong" in make("python3").stdout
    assert "is not Python 3.11 or newer: choose one" in make("/bin/false").stderr

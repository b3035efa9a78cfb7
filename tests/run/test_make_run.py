"""`tools/run.py`, which is what `make run` does: it starts everything, and ends everything."""

import os
import signal
import socket
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copytree

import psutil
import pytest

from tests import api
from tests.ports import is_open
from tests.run.runs import PORTS, WAIT, Run, ignore_hang_ups, own_terminal
from tests.waiting import wait_until

BODY = b'{"name": "Ann", "password": "the moon is made of paper"}'
HEAD = (
    b"POST /register HTTP/1.1\r\nHost: auth\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(BODY)
)


def begin_request(port: int) -> socket.socket:
    """Send the head of a registration, and return when auth waits for the rest."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
    connection.sendall(HEAD)
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    return connection


def press_ctrl_c(run: Run) -> None:
    os.killpg(run.running.pid, signal.SIGINT)


def terminate(run: Run) -> None:
    run.running.terminate()


def close_terminal(run: Run) -> None:
    os.killpg(run.running.pid, signal.SIGHUP)


@pytest.fixture
def prepared(run: Run, template: Path) -> Run:
    """What finds its keys and databases made, as all starts but the first do."""
    copytree(template, run.data)
    return run


def test_it_makes_the_data_and_says_where_they_are_and_a_second_start_goes_on(run: Run) -> None:
    run.start()
    line = run.wait_ready()

    assert run.url("PAGE") in line
    assert "<title>Bookstore</title>" in api.get(run.url("PAGE"), timeout=WAIT).text
    for service in ("AUTH", "BOOKS"):
        assert run.url(service) in line
        assert api.get(run.url(service) + "/readyz", timeout=WAIT).status_code == 200
    assert "/docs" in line
    assert "Ctrl-C" in line
    assert stat.S_IMODE(run.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(run.keys.stat().st_mode) == 0o600
    assert [path.name for path in run.data.iterdir() if path.stat().st_mode & 0o077] == []
    assert_a_second_start_goes_on(run)


def assert_a_second_start_goes_on(run: Run) -> None:
    """Start it again: fail unless the keys and what was registered are still there."""
    credentials = {"name": "Ann", "password": "the moon is made of paper"}
    token = api.post(run.url("AUTH") + "/register", json=credentials, timeout=WAIT).json()["token"]
    keys = run.keys.read_bytes()
    terminate(run)
    run.wait_end()
    run.start()
    run.wait_ready()

    assert run.keys.read_bytes() == keys
    bearer = {"Authorization": f"Bearer {token}"}
    assert api.get(run.url("AUTH") + "/me", headers=bearer, timeout=WAIT).json()["name"] == "Ann"


@pytest.mark.parametrize("stop", [press_ctrl_c, terminate, close_terminal])
def test_stopping_finishes_what_is_under_way_and_ends_every_process(
    prepared: Run, stop: Callable[[Run], None]
) -> None:
    run = prepared
    run.start()
    run.wait_ready()
    port = int(run.environment["AUTH_PORT"])
    with closing(begin_request(port)) as connection:
        stop(run)
        wait_until(lambda: not is_open(port), "auth closes its port")
        connection.sendall(BODY)
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 201")
    assert run.wait_end() == 0
    assert run.errors == []
    assert run.processes() == []


@pytest.mark.parametrize("begin", [own_terminal, ignore_hang_ups])
def test_closing_the_terminal_ends_every_process_whether_or_not_it_hears_of_it(
    prepared: Run, begin: Callable[[], None]
) -> None:
    terminal, output = os.openpty()
    prepared.start(output, begin)
    os.close(output)
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        shown = b""
        while b"Ready:" not in shown:
            shown += screen.read(1000)

    wait_until(lambda: prepared.processes() == [], "every process ends")
    assert not any(is_open(int(prepared.environment[name])) for name in PORTS)


def test_stopping_while_it_starts_ends_every_process(run: Run) -> None:
    run.start()
    wait_until(lambda: len(run.processes()) > 1, "it starts something")
    terminate(run)

    assert run.wait_end() == 0
    assert run.errors == []
    assert run.processes() == []


def test_killing_it_ends_the_services(prepared: Run) -> None:
    prepared.start()
    prepared.wait_ready()
    prepared.running.kill()

    wait_until(lambda: prepared.processes() == [], "the services end")


@pytest.mark.parametrize(("word", "name"), [("books_service:create_app()", "books"), ("honcho", "honcho")])
def test_one_that_dies_ends_the_others(prepared: Run, word: str, name: str) -> None:
    run = prepared
    run.start()
    run.wait_ready()
    family = psutil.Process(run.running.pid).children(recursive=True)
    victim = next(child for child in family if word in child.cmdline())  # a master comes before its workers
    victim.kill()

    assert run.wait_end() == 1
    assert any(f"{name} ended" in line for line in run.errors)
    assert run.processes() == []

"""`make run` and `make dev` for real: what they serve, make, show and finish, and that nothing of it is left.

How it ends when one of its processes does is in test_supervisor.py and, of a service, in test_new_service.py.
"""

import re
import socket
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from shutil import copytree

import pytest
import requests

from tests import api
from tests.common.log_lines import all_lines
from tests.e2e.stack import clone
from tests.pair import Pair
from tests.people import PASSWORD, register
from tests.ports import is_open
from tests.run.runs import PORTS, WAIT, Run, Screen, ignore_hang_ups, own_terminal
from tests.waiting import wait_until

ODD = "~%41 %(x)s?#&%"  # means something in URLs, to Alembic and to a shell
BODY = b'{"name": "Ann", "password": "%s"}' % PASSWORD.encode()
HEAD = (
    b"POST /login HTTP/1.1\r\nHost: auth\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(BODY)
)
# On a busy machine auth starts so much later than the follower that it is missed.
STARTING = re.compile(r"..:..:.. books (feed_followed cursor=0|\[warning\] feed_away .*)")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def test_a_first_start_in_an_odd_place_makes_the_data_serves_all_and_finishes_what_is_under_way(
    run: Run, tmp_path: Path
) -> None:
    run.root = clone(tmp_path / ODD / "checkout")
    run.data = tmp_path / "home" / ODD
    run.environment |= {"DATA_DIR": f"~/{ODD}", "HOME": str(tmp_path / "home")}
    run.environment |= {"TRUSTED_PROXIES": "127.0.0.1", "REGISTRATIONS_PER_HOUR": "1"}

    run.start()
    line = run.wait_ready()

    assert_all_is_served(run, line)
    assert_page_passes_on_what_nginx_does(run.url("PAGE"))
    assert set(tmp_path.rglob("*.db")) == {run.data / "auth.db", run.data / "books.db"}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in run.data.iterdir()}
    assert modes.keys() >= {"auth.db", "books.db", "keys.json"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(run.data.stat().st_mode) == 0o700
    assert_end_waits_for_a_request(run)


def assert_all_is_served(run: Run, line: str) -> None:
    """Fail unless the page and the services answer where the line that says `Ready` has them."""
    assert run.url("PAGE") in line
    assert "<title>Bookstore</title>" in api.get(run.url("PAGE"), timeout=WAIT).text
    for service in ("AUTH", "BOOKS"):
        assert run.url(service) in line
        assert api.get(run.url(service) + "/readyz", timeout=WAIT).status_code == 200
    assert "/docs" in line
    assert "Ctrl-C" in line


def assert_page_passes_on_what_nginx_does(page: str) -> None:
    """Fail unless whole bodies, the prefix and the real address of the client arrive."""
    headers = {"Content-Type": "application/json", "X-Forwarded-Prefix": "/evil"}

    def status(name: str, address: str) -> tuple[int, str | None]:
        pieces = [b'{"name": "%s", ' % name.encode(), b'"password": "%s"}' % PASSWORD.encode()]
        sent = headers | {"X-Forwarded-For": address}
        answer = api.post(f"{page}/auth/register", data=iter(pieces), headers=sent, timeout=WAIT)
        return answer.status_code, answer.headers.get("Location")

    assert status("Ann", "192.0.2.1") == (201, "/auth/me")
    assert status("Bob", "198.51.100.1") == (429, None)  # one an hour from each address
    too_long = (b" " * 1024 for _ in range(65))
    assert api.post(f"{page}/auth/register", data=too_long, headers=headers, timeout=WAIT).status_code == 413
    assert api.get(f"{page}/books/openapi.json", timeout=WAIT).json()["servers"] == [{"url": "/books"}]


def assert_end_waits_for_a_request(run: Run) -> None:
    """Fail unless TERM lets a request end that has begun, and ends all the rest; the log is JSON."""
    port = int(run.environment["AUTH_PORT"])
    with closing(socket.create_connection(("127.0.0.1", port), timeout=WAIT)) as connection:
        connection.sendall(HEAD)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        run.running.terminate()
        wait_until(lambda: not is_open(port), "auth closes its port")
        connection.sendall(BODY)
        answer = connection.recv(1000)
    log, _ = run.running.communicate(timeout=WAIT)

    assert answer.startswith(b"HTTP/1.1 200")
    assert (run.running.returncode, run.errors, run.processes()) == (0, [], [])
    assert "request" in {line["event"] for line in all_lines(log)}


@pytest.mark.parametrize(
    ("server", "no_color", "begin"),
    [("gunicorn", "", own_terminal), ("granian", "1", ignore_hang_ups)],
    ids=["gunicorn", "granian"],
)
def test_a_later_start_on_a_terminal_goes_on_shows_short_lines_and_ends_with_it(
    run: Run, template: Path, screen: Screen, server: str, no_color: str, begin: Callable[[], None]
) -> None:
    with Pair(copytree(template, run.data)) as pair:
        person = register(pair.start())
    run.environment |= {"SERVER": server, "NO_COLOR": no_color}
    run.start(screen.output, begin)

    *before, ready = screen.read_until("Ready:")
    assert ready.startswith("Ready: the page is at http://127.0.0.1:")
    assert [line for line in before if not STARTING.fullmatch(COLOUR.sub("", line))] == []

    bearer = {"Authorization": f"Bearer {person.token}"}
    assert api.get(run.url("AUTH") + "/me", headers=bearer, timeout=WAIT).json()["name"] == person.name
    api.get(run.url("BOOKS") + "/healthz", timeout=WAIT)
    api.get(run.url("BOOKS") + "/nowhere?secret", timeout=WAIT)
    screen.read_until("GET /me")
    *_, last, one, other = screen.read_until("/nowhere")
    assert last == ready
    (request,) = [line for line in (one, other) if "GET /me" not in line]  # of two processes, in any order
    assert re.fullmatch(r"..:..:.. books 404 GET /nowhere \d+(\.\d+)? ms", COLOUR.sub("", request))
    assert ("\x1b[33m404\x1b[0m" in request) == (no_color == "")

    screen.close()
    assert run.running.wait(WAIT) == 0
    assert run.processes() == []
    assert not any(is_open(int(run.environment[name])) for name in PORTS)


def test_ctrl_c_ends_a_preparation_that_waits_for_a_lock(run: Run, template: Path) -> None:
    file = copytree(template, run.data) / "auth.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run.start()
        wait_until(lambda: run.has_open(file), "it prepares")
        run.press_ctrl_c()

        assert run.wait_end() == 0
        other.execute("SELECT 1 FROM users")  # and it was not the lock that ended
    assert (run.errors, run.processes()) == ([], [])


LINE = re.compile(r"\d\d:\d\d:\d\d (auth |books) \S.*")
BANNER = (" * Serving Flask app", " * Debug mode")  # of flask, which nothing turns off


def status(url: str) -> int | None:
    """Return what a service answers, or None while it is away, or ends before it has answered."""
    with suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return api.get(url, timeout=WAIT).status_code
    return None


def test_make_dev_loads_a_change_shows_the_traceback_of_its_error_and_ends_by_ctrl_c(
    run: Run, template: Path, tmp_path: Path, screen: Screen
) -> None:
    copytree(template, run.data)
    run.root = clone(tmp_path / "checkout")
    run.environment["NO_COLOR"] = "1"
    run.start(screen.output, own_terminal, words=["dev"])

    *before, ready = screen.read_until("Ready:")
    assert "http://127.0.0.1:" in ready
    assert [line for line in before if not line.startswith(BANNER) and not LINE.fullmatch(line)] == []

    changed = run.root / "common/health.py"
    changed.write_text(
        changed.read_text().replace("return json_response(Health())", "raise KeyError('mine')")
    )
    screen.read_until("Detected change")
    wait_until(lambda: status(run.url("BOOKS") + "/healthz") == 500, "books has loaded the change")
    shown = screen.read_until("GET /healthz")
    assert any(line.endswith("    KeyError: 'mine'") for line in shown)
    assert [line for line in shown if "HTTP/1.1" in line] == []

    run.press_ctrl_c()
    assert (run.wait_end(), run.errors, run.processes()) == (0, [], [])

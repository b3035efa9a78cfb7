"""How a service starts, and how it refuses to: with one line that names the variable, never the value."""

import os
import secrets
import socket
from pathlib import Path

import pytest

from tests import api, programs
from tests.common.log_lines import all_lines
from tests.ports import free_port
from tests.resilience.alone import make_pair

SHORT, GOOD = "a short but private key", secrets.token_hex(32)
GRANIAN = {"SERVER": "granian"}


def start(service: str, folder: Path, **settings: str) -> str:
    """Start a service that has to fail, and return the one line that it wrote."""
    ports = ("AUTH_PORT", "BOOKS_PORT", "AUTH_METRICS_PORT", "BOOKS_METRICS_PORT")
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(folder),
        "WEB_CONCURRENCY": "1",
        **{name: str(free_port()) for name in ports},
    }
    done = programs.run("common.server", f"{service}_service", environment=environment | settings, timeout=60)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("service", "settings", "told"),
    [
        ("books", {"SERVER": "apache"}, "SERVER must be gunicorn or granian"),
        ("books", {"WEB_CONCURRENCY": "lots"}, "WEB_CONCURRENCY must be a whole number"),
        ("auth", {"JWT_KEYS_FILE": "/etc/passwd", **GRANIAN}, "JWT_KEYS_FILE: the key file can be read by"),
        ("books", {"JWT_SECRET": SHORT}, "JWT_SECRET: a key is shorter than 32 bytes"),
        ("books", {"BOOKS_DATABASE_URL": f"mysql://root:{SHORT}@localhost/books", **GRANIAN}, "must begin"),
    ],
)
def test_a_bad_setting_is_named_in_one_line_and_a_secret_not_shown(
    tmp_path: Path, service: str, settings: dict[str, str], told: str
) -> None:
    line = start(service, tmp_path, **settings)

    assert told in line
    assert next(iter(settings)) in line
    assert SHORT not in line


@pytest.mark.parametrize(
    ("server", "service", "name"),
    [("gunicorn", "auth", "AUTH_PORT"), ("granian", "books", "BOOKS_METRICS_PORT")],
)
def test_a_port_in_use_is_named(tmp_path: Path, server: str, service: str, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        port = str(listener.getsockname()[1])

        line = start(service, tmp_path, SERVER=server, JWT_SECRET=GOOD, **{name: port})

    assert line == f"{name}: port {port} of 127.0.0.1 is already in use\n"


@pytest.mark.parametrize(
    ("server", "host"),
    [("gunicorn", "192.0.2.1"), ("granian", "nowhere.invalid"), ("gunicorn", "a" * 70)],
)
def test_a_host_that_is_not_ours_is_named_and_nothing_is_left_behind(
    tmp_path: Path, server: str, host: str
) -> None:
    settings = {"SERVER": server, "JWT_SECRET": GOOD, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    line = start("auth", tmp_path, HOST=host, **settings)

    assert line.startswith("HOST and AUTH_PORT: cannot listen on port ")
    assert host in line
    assert not list(tmp_path.glob("bookstore-metrics-*"))


@pytest.mark.parametrize(("host", "server"), [("localhost", "gunicorn"), ("::1", "granian")])
def test_it_listens_where_a_name_leads_and_on_ipv6_and_no_variable_is_a_header(
    tmp_path: Path, server: str, host: str
) -> None:
    if ":" in host and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")

    with make_pair(tmp_path, SERVER=server, HOST=host, TRUSTED_PROXIES="127.0.0.1, ::1") as pair:
        pair.environment["HTTP_X_FORWARDED_FOR"] = "192.0.2.1"
        assert api.get(pair.start("books").url("books") + "/nowhere").status_code == 404

        lines = [line for line in all_lines(pair.log("books").read_text()) if "client" in line]
        assert {line["client"] for line in lines} == {"::1" if ":" in host else "127.0.0.1"}

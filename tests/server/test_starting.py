"""How a service starts, and how it refuses to: with one line that names the variable, never the value."""

import os
import socket
from pathlib import Path

import pytest

from tests import programs
from tests.common.jwks import jwk, write
from tests.common.log_lines import all_lines
from tests.pair import SERVERS, SERVICES
from tests.ports import free_port
from tests.resilience.alone import make_pair, somebody

SHORT = "a short but private key"

every_server = pytest.mark.parametrize("server", SERVERS)


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with good keys."""
    write(tmp_path / "keys.json", jwk())
    return tmp_path


@pytest.mark.parametrize(("service", "server"), [*zip(SERVICES, SERVERS, strict=True)])
@pytest.mark.parametrize(("mode", "reason"), [(None, "missing"), (0o644, "0600")])
def test_without_a_closed_key_file_no_service_starts(
    service: str, server: str, mode: int | None, reason: str, folder: Path
) -> None:
    keys = folder / "keys.json"
    if mode:
        keys.chmod(mode)
    else:
        keys.unlink()

    line = start(service, folder, SERVER=server)

    assert "JWT_KEYS_FILE" in line
    assert reason in line


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SERVER", "apache", "gunicorn or granian"),
        ("JWT_SECRET", SHORT, "32 bytes"),
        ("THREADS", "lots", ""),
        ("WEB_CONCURRENCY", "lots", "whole number"),
        ("BOOKS_DATABASE_URL", f"mysql://root:{SHORT}@localhost/books", ""),
    ],
)
def test_a_bad_setting_is_named_and_a_secret_not_shown(
    folder: Path, name: str, value: str, reason: str
) -> None:
    line = start("books", folder, **{name: value})

    assert name in line
    assert reason in line
    assert SHORT not in line


@every_server
@pytest.mark.parametrize(("service", "name"), [("auth", "AUTH_PORT"), ("books", "BOOKS_METRICS_PORT")])
def test_a_port_in_use_is_named(folder: Path, server: str, service: str, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        port = str(listener.getsockname()[1])

        line = start(service, folder, SERVER=server, **{name: port})

    assert line == f"{name}: port {port} of 127.0.0.1 is already in use\n"


@every_server
@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a" * 70])
def test_a_host_that_is_not_ours_is_named_and_nothing_is_left_behind(
    folder: Path, server: str, host: str
) -> None:
    (folder / "shared").mkdir()

    line = start("auth", folder, SERVER=server, HOST=host, PROMETHEUS_MULTIPROC_DIR=str(folder / "shared"))

    assert line.startswith("HOST and AUTH_PORT: cannot listen on port ")
    assert host in line
    assert not list((folder / "shared").iterdir())


@pytest.mark.parametrize(("host", "server"), [*zip(["localhost", "::1"], SERVERS, strict=True)])
def test_it_listens_where_a_name_leads_and_on_ipv6(tmp_path: Path, server: str, host: str) -> None:
    if ":" in host and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")

    with make_pair(tmp_path, "books", SERVER=server, HOST=host) as pair:
        assert somebody(pair.start("books")).get("/books").status_code == 200


def test_a_variable_is_no_header_of_a_request(tmp_path: Path) -> None:
    with make_pair(tmp_path, "books", SERVER="granian", TRUSTED_PROXIES="127.0.0.1") as pair:
        pair.environment["HTTP_X_FORWARDED_FOR"] = "192.0.2.1"
        somebody(pair.start("books")).get("/nowhere")

        assert {line["client"] for line in all_lines(pair.log("books").read_text()) if "client" in line} == {
            "127.0.0.1"
        }

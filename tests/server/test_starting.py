"""How the server starts, and how it refuses to."""

import socket
from pathlib import Path

import pytest

from tests.server.served import SERVERS, complaints, run, serving

every_server = pytest.mark.parametrize("server", SERVERS)


@every_server
@pytest.mark.parametrize("name", ["AUTH_PORT", "AUTH_METRICS_PORT"])
def test_a_port_in_use_is_one_clear_line(tmp_path: Path, server: str, name: str) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert run(tmp_path, server, **{name: port}).wait(timeout=20) == 1
    assert complaints(tmp_path) == f"{name}: port {port} of 127.0.0.1 is already in use\n"


@every_server
def test_a_host_that_is_not_ours_is_one_clear_line_and_leaves_nothing_behind(
    tmp_path: Path, server: str
) -> None:
    hosts = ["nowhere.invalid", "192.0.2.1", "a" * 70]
    for host in hosts:
        (tmp_path / host / "shared").mkdir(parents=True)
    starts = [
        run(tmp_path / host, server, HOST=host, PROMETHEUS_MULTIPROC_DIR=tmp_path / host / "shared")
        for host in hosts
    ]

    assert [start.wait(timeout=20) for start in starts] == [1, 1, 1]
    for host in hosts:
        (line,) = complaints(tmp_path / host).splitlines()
        assert line.startswith("HOST and AUTH_PORT: cannot listen on port ")
        assert host in line
        assert not list((tmp_path / host / "shared").iterdir())


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
@every_server
def test_it_listens_on_ipv6(tmp_path: Path, server: str) -> None:
    with serving(tmp_path, server, HOST="::1") as running:
        assert running.index()


@every_server
def test_it_listens_where_a_name_leads(tmp_path: Path, server: str) -> None:
    with serving(tmp_path, server, HOST="localhost") as running:
        assert running.index()


def test_a_variable_is_no_header_of_a_request(tmp_path: Path) -> None:
    with serving(tmp_path, "granian", HTTP_X_FORWARDED_FOR="192.0.2.1") as running:
        assert "X-Forwarded-For" not in str(running.index()["headers"])

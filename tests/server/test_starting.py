"""How the server starts, and how it refuses to."""

import json
import socket
from pathlib import Path

import pytest

from tests.server.served import complaints, run, serving


@pytest.mark.parametrize("name", ["AUTH_PORT", "AUTH_METRICS_PORT"])
def test_a_port_in_use_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert run(tmp_path, **{name: port}).wait(timeout=20) == 1
    assert complaints(tmp_path) == f"{name}: port {port} of 127.0.0.1 is already in use\n"


def test_a_host_that_is_not_ours_is_one_clear_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    hosts = ["nowhere.invalid", "192.0.2.1", "a" * 70]
    for host in hosts:
        (tmp_path / host / "shared").mkdir(parents=True)
    starts = [
        run(tmp_path / host, HOST=host, PROMETHEUS_MULTIPROC_DIR=tmp_path / host / "shared") for host in hosts
    ]

    assert [start.wait(timeout=20) for start in starts] == [1, 1, 1]
    for host in hosts:
        (line,) = complaints(tmp_path / host).splitlines()
        assert line.startswith("HOST and AUTH_PORT: cannot listen on port ")
        assert host in line
        assert not list((tmp_path / host / "shared").iterdir())


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
def test_it_listens_on_ipv6(tmp_path: Path) -> None:
    with serving(tmp_path, HOST="::1") as server:
        assert server.index()


def test_a_worker_that_cannot_boot_ends_the_server(tmp_path: Path) -> None:
    process = run(tmp_path, TEST_BOOT="fails")

    assert process.wait(timeout=20) != 0
    lines = [json.loads(line) for line in complaints(tmp_path).splitlines() if line[:1] == "{"]
    assert any("this worker cannot boot" in line.get("exception", "") for line in lines)

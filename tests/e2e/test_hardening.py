"""What the containers may do: next to nothing, and not without limit."""

import re

import pytest

from common.server.gunicorn_settings import graceful_timeout
from tests.cases import every
from tests.e2e.stack import Stack
from tests.pair import SERVICES

pytestmark = pytest.mark.compose

MEMBERS = {"auth": "python", "books": "python", "db": "postgres", "follower": "flask", "nginx": "nginx"}
FOLDERS = "/ /etc /home /opt /opt/venv /root /run /srv /srv/bookstore /usr/local/bin /var/lib /var/tmp"

in_each_running_container = every("service", MEMBERS)


def processes(stack: Stack, service: str) -> list[dict[str, str]]:
    """Return what the kernel says of each process in a container."""
    printed = stack.execute(service, "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null || true")
    return [
        dict(re.findall(r"^(\w+):\t(.*)$", text, re.M))
        for text in re.split("^(?=Name:)", printed, flags=re.M)[1:]
    ]


@in_each_running_container
def test_no_process_is_root_or_can_become_it(stack: Stack, service: str) -> None:
    found = processes(stack, service)

    assert {process["Name"] for process in found} >= {"docker-init", MEMBERS[service]}
    for process in found:
        assert "0" not in process["Uid"].split() + process["Gid"].split()
        assert {process[f"Cap{kind}"].strip("0") for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {""}
        assert process["NoNewPrivs"] == "1"


@in_each_running_container
def test_not_even_root_could_write_to_the_root_file_system(stack: Stack, service: str) -> None:
    script = f'for folder in {FOLDERS}; do test -d "$folder" && touch "$folder/new"; done'

    done = stack.attempt("exec", "-T", "--user=0:0", service, "sh", "-c", script)

    complaints = done.stderr.splitlines()
    assert len(complaints) >= 10
    assert [line for line in complaints if not line.endswith(": Read-only file system")] == []


@in_each_running_container
def test_temporary_files_are_in_memory_and_cannot_be_run(stack: Stack, service: str) -> None:
    stack.execute(service, "sh", "-c", "echo 'exit 0' >/tmp/new && chmod +x /tmp/new")
    run = stack.attempt("exec", "-T", service, "/tmp/new")  # noqa: S108 - the container's
    mounts = stack.execute(service, "grep", " /tmp tmpfs ", "/proc/mounts")

    assert run.returncode != 0
    assert {"nosuid", "nodev", "noexec"} <= set(mounts.split()[3].split(","))


@every("service", SERVICES)
def test_a_service_is_given_more_time_to_stop_than_gunicorn_takes(stack: Stack, service: str) -> None:
    assert stack.container(service)["Config"]["StopTimeout"] > graceful_timeout + 5

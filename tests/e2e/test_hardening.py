"""What the containers may do: next to nothing, and not without limit."""

import re

import pytest

from tests.cases import every
from tests.e2e.stack import Stack

pytestmark = pytest.mark.compose

MEMBERS = {"auth": "python", "books": "python", "db": "postgres", "follower": "flask", "nginx": "nginx"}
FOLDERS = "/ /etc /home /opt /opt/venv /root /run /srv /srv/bookstore /usr/local/bin /var/lib /var/tmp"

in_each_running_container = every("service", MEMBERS)


@in_each_running_container
def test_no_process_is_root_or_can_become_it(stack: Stack, service: str) -> None:
    printed = stack.execute(service, "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null || true")
    processes = [dict(re.findall(r"^(\w+):\t(.*)$", text, re.M)) for text in printed.split("\nName:")]

    assert {"docker-init", MEMBERS[service]} <= set(re.findall(r"^Name:\t(.*)$", printed, re.M))
    for process in processes:
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
    script = "echo 'exit 0' >/tmp/new && chmod +x /tmp/new && grep ' /tmp tmpfs ' /proc/mounts && ! /tmp/new"

    mounts = stack.execute(service, "sh", "-c", script)

    assert {"nosuid", "nodev", "noexec"} <= set(mounts.split()[3].split(","))

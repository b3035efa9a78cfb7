"""Faults for real: each function causes one, and registers its end with `ends`."""

import subprocess
from contextlib import ExitStack
from secrets import token_hex

from tests import api
from tests.e2e.load import TIMEOUT, Askers, Newcomers
from tests.e2e.nginx import make_certificate
from tests.e2e.stack import Stack, docker

LOCK = "BEGIN; LOCK TABLE books; SELECT pg_sleep(600)"
UNLOCK = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'"
FILLER = "/var/lib/postgresql/data/filler"


def kill(stack: Stack, ends: ExitStack, service: str) -> None:
    container = stack.container(service)["Id"]
    docker("kill", container)
    ends.callback(docker, "start", container)


def cut_feed(stack: Stack, ends: ExitStack) -> None:
    words = f"{stack.project}_feed", stack.container("follower")["Id"]
    docker("network", "disconnect", *words)
    ends.callback(docker, "network", "connect", *words)


def fill_disk(stack: Stack, ends: ExitStack) -> None:
    ends.callback(stack.execute, "db", "rm", FILLER)
    stack.execute("db", "dd", "if=/dev/zero", f"of={FILLER}", "bs=1M", "count=350", "status=none")


def lock_shelves(stack: Stack, ends: ExitStack) -> None:
    """Let a transaction lock the table of books, and more readers wait for it than there are connections."""
    url, headers = f"{stack.url('books')}/books", {"x-access-tokens": stack.register().token}
    command = ["docker", "compose", "exec", "-T", "db", "psql", "--username=postgres", "-c", LOCK, "books"]
    quiet = subprocess.DEVNULL
    locking = subprocess.Popen(
        command, cwd=stack.folder, env=stack.environment, stdout=quiet, stderr=quiet, stdin=quiet
    )
    ends.enter_context(locking)
    ends.enter_context(Askers(lambda: api.get(url, headers=headers, timeout=TIMEOUT), 40, pause=0.1))
    ends.callback(stack.sql, "postgres", UNLOCK)


def guess_passwords(stack: Stack, ends: ExitStack) -> None:
    url, name = f"{stack.url('auth')}/login", stack.register().name
    ends.enter_context(Askers(lambda: api.post(url, auth=(name, token_hex()), timeout=TIMEOUT)))


def crowd(stack: Stack, ends: ExitStack) -> None:
    """Let more people register than there are cores to hash their passwords."""
    ends.enter_context(Newcomers(stack, count=24))


def let_certificate_end(stack: Stack, ends: ExitStack) -> None:
    """Let nginx have a certificate of a day, and none from then on."""
    folder = stack.folder / "deploy/nginx/tls"
    make_certificate(stack, folder, days=1)
    start_anew = ["up", "--detach", "--no-deps", "--force-recreate", "--wait", "nginx"]
    stack.compose(*start_anew)
    ends.callback(stack.compose, *start_anew)
    for path in folder.glob("*.pem"):
        ends.callback(path.unlink)

"""The fixtures of the tests of the containers. They need a Docker engine, and Docker Compose."""

import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.nginx import believing_clients
from tests.e2e.stack import Stack, clean_environment, clone, docker
from tests.pair import SERVICES

IMAGES = (*SERVICES, "pgbouncer", "monitoring")


def need_engine() -> None:
    """Skip the test if this machine has no Docker engine; where everything has to run (CI), fail instead."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        if complaint := _complaint(command):
            refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            refuse(f"no Docker engine with Compose: {' '.join(command)}: {complaint}")


def _complaint(command: list[str]) -> str:
    """Return why the command fails; nothing if it does not."""
    try:
        done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() or "it fails" if done.returncode else ""


@pytest.fixture(scope="session")
def images() -> Iterator[dict[str, str]]:
    """Return settings that name images of this run's own; the first stack to start builds them."""
    need_engine()
    tag = f"test-{secrets.token_hex(4)}"
    names = {f"{name.upper()}_IMAGE": f"bookstore-{name}:{tag}" for name in IMAGES}
    yield names
    for name in names.values():
        if docker("image", "ls", "--quiet", name):
            docker("image", "rm", name)


@pytest.fixture(scope="session")
def stack(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack that the tests share: they bring their own people, and leave it running and healthy.

    Its logs have a line of every request.
    """
    stack = Stack(clone(tmp_path_factory.mktemp("clone")), LOG_LEVEL="debug", **images)
    try:
        yield stack.up()
    finally:
        stack.down()


@pytest.fixture(scope="module")
def believing(stack: Stack) -> Iterator[Stack]:
    """The shared stack, whose nginx believes its clients where they come from."""
    with believing_clients(stack):
        yield stack

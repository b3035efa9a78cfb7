"""What is in the images, and what is not."""

from collections.abc import Callable
from functools import cache
from pathlib import PurePosixPath

import pytest

from tests.cases import every
from tests.e2e.stack import BUILT, Stack, docker, inspect
from tests.pair import SERVICES

pytestmark = pytest.mark.compose

BASE = "python:3.13-slim-trixie"
LABEL = "org.opencontainers.image"
ABOVE_BASE = 120 * 1024 * 1024  # bytes that an image may add to its base
CODE = "/srv/bookstore"
PROGRAMS = ("/srv/", "/opt/", "/usr/bin/", "/usr/local/bin/")
TOOLS = {"apt", "apt-get", "pip", "pip3", "gcc", "cc", "make", "git", "pytest", "ruff", "mypy"}
TOOLS |= {"Makefile", "Dockerfile", "pyproject.toml"}
PACKAGERS = {"pip", "ensurepip"}
OTHERS_READ, SET_ID = 0o004, 0o6000

of_each_service = every("service", SERVICES)
Modes = dict[PurePosixPath, int]  # of files


def image(stack: Stack, service: str) -> str:
    return stack.environment[f"{service.upper()}_IMAGE"]


@pytest.fixture(scope="module")
def modes_in(stack: Stack) -> Callable[[str], Modes]:
    """Return how to get the modes of all files in the image of a service."""

    @cache
    def find(service: str) -> Modes:
        words = ["--network=none", "--user=0", "--entrypoint=find", image(stack, service)]
        lines = docker("run", "--rm", *words, "/", "-xdev", "!", "-type", "d", "-printf", "%m %p\\n")
        pairs = [line.split(" ", 1) for line in lines.splitlines()]
        return {PurePosixPath(path): int(mode, 8) for mode, path in pairs}

    return find


@of_each_service
def test_an_image_has_the_code_of_one_service_compiled(
    modes_in: Callable[[str], Modes], service: str
) -> None:
    (other,) = set(SERVICES) - {service}
    paths = modes_in(service)
    code = [path for path in paths if path.is_relative_to(CODE)]

    assert {path.relative_to(CODE).parts[0] for path in code} == {
        *("common", f"{service}_service", "services.toml")
    }
    assert [path for path in paths if f"{other}_service" in str(path)] == []
    modules = [path for path in code if path.suffix == ".py"]
    assert len(modules) > 30
    assert len([path for path in code if path.name.endswith(".cpython-313.pyc")]) == len(modules)


@of_each_service
def test_an_image_has_nothing_to_build_or_test_with_or_to_become_another_user(
    modes_in: Callable[[str], Modes], service: str
) -> None:
    modes = modes_in(service)

    assert len(modes) > 1000
    assert [path for path in modes if path.name in TOOLS and str(path).startswith(PROGRAMS)] == []
    assert [path for path in modes if PACKAGERS & {*path.parts}] == []
    assert [path for path, mode in modes.items() if mode & SET_ID] == []


@of_each_service
def test_an_image_can_be_built_from_a_clone_that_only_its_owner_can_read(
    stack: Stack, modes_in: Callable[[str], Modes], service: str
) -> None:
    code = [mode for path, mode in modes_in(service).items() if path.is_relative_to(CODE)]

    assert [name for name in BUILT if (stack.folder / name).stat().st_mode & OTHERS_READ] == []
    assert [mode for mode in code if not mode & OTHERS_READ] == []


@of_each_service
def test_an_image_adds_at_most_120_mib_to_its_base(stack: Stack, service: str) -> None:
    ours, base = inspect("image", image(stack, service), BASE)
    layers = base["RootFS"]["Layers"]

    assert ours["RootFS"]["Layers"][: len(layers)] == layers
    assert ours["Size"] - base["Size"] <= ABOVE_BASE


@of_each_service
def test_an_image_says_what_it_is_and_runs_as_a_numbered_user(stack: Stack, service: str) -> None:
    (found,) = inspect("image", image(stack, service))
    config = found["Config"]
    labels = config["Labels"]

    assert labels[f"{LABEL}.title"] == f"bookstore-{service}_service"
    assert labels[f"{LABEL}.licenses"] == "MIT"
    assert {f"{LABEL}.{name}" for name in ("description", "version", "revision")} <= set(labels)
    assert config["User"].replace(":", "").isdecimal()
    assert "common.server" in config["Cmd"][-1]
    assert f"SERVICE={service}_service" in config["Env"]
    assert config["Healthcheck"]["Test"][0] == "CMD"

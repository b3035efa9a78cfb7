"""What is in the images, and what is not."""

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


def image(stack: Stack, service: str) -> str:
    return stack.environment[f"{service.upper()}_IMAGE"]


@cache
def modes_in(image: str) -> dict[PurePosixPath, int]:
    """Return the modes of all files in an image."""
    words = ["--network=none", "--user=0", "--entrypoint=find", image]
    lines = docker("run", "--rm", *words, "/", "-xdev", "!", "-type", "d", "-printf", "%m %p\\n")
    pairs = [line.split(" ", 1) for line in lines.splitlines()]
    return {PurePosixPath(path): int(mode, 8) for mode, path in pairs}


@of_each_service
def test_an_image_has_the_code_of_one_service_compiled_and_readable(stack: Stack, service: str) -> None:
    """It was built from a clone that only its owner can read."""
    (other,) = set(SERVICES) - {service}
    modes = modes_in(image(stack, service))
    code = {path: mode for path, mode in modes.items() if path.is_relative_to(CODE)}
    modules = [path for path in code if path.suffix == ".py"]

    assert {path.relative_to(CODE).parts[0] for path in code} == {
        *("common", f"{service}_service", "services.toml")
    }
    assert [path for path in modes if f"{other}_service" in str(path)] == []
    assert len([path for path in code if path.name.endswith(".cpython-313.pyc")]) == len(modules) > 30
    assert [name for name in BUILT if (stack.folder / name).stat().st_mode & OTHERS_READ] == []
    assert [mode for mode in code.values() if not mode & OTHERS_READ] == []


@of_each_service
def test_an_image_has_nothing_to_build_or_test_with_or_to_become_another_user(
    stack: Stack, service: str
) -> None:
    modes = modes_in(image(stack, service))

    assert len(modes) > 1000
    assert [path for path in modes if path.name in TOOLS and str(path).startswith(PROGRAMS)] == []
    assert [path for path in modes if PACKAGERS & {*path.parts}] == []
    assert [path for path, mode in modes.items() if mode & SET_ID] == []


@of_each_service
def test_an_image_adds_little_to_its_base_says_what_it_is_and_runs_as_a_numbered_user(
    stack: Stack, service: str
) -> None:
    found, base = inspect("image", image(stack, service), BASE)
    layers, config = base["RootFS"]["Layers"], found["Config"]
    labels = config["Labels"]

    assert found["RootFS"]["Layers"][: len(layers)] == layers
    assert found["Size"] - base["Size"] <= ABOVE_BASE
    assert labels[f"{LABEL}.title"] == f"bookstore-{service}_service"
    assert labels[f"{LABEL}.licenses"] == "MIT"
    assert {f"{LABEL}.{name}" for name in ("description", "version", "revision")} <= set(labels)
    assert config["User"].replace(":", "").isdecimal()
    assert "common.server" in config["Cmd"][-1]
    assert f"SERVICE={service}_service" in config["Env"]
    assert config["Healthcheck"]["Test"][0] == "CMD"

"""What is in the images, and what is not."""

import pytest

from tests.cases import every
from tests.e2e.stack import MakeStack, Stack, docker, inspect, remove_images
from tests.pair import SERVICES

pytestmark = pytest.mark.compose

BASE = "python:3.13-slim-trixie"
LABEL = "org.opencontainers.image"
ABOVE_BASE = 120 * 1024 * 1024  # bytes that an image may add to its base
TOOLS = ["apt", "apt-get", "pip", "pip3", "gcc", "cc", "make", "git", "pytest", "ruff", "mypy"]
TOOLS += ["Makefile", "Dockerfile", "pyproject.toml"]

of_each_service = every("service", SERVICES)


def image(stack: Stack, service: str) -> str:
    return stack.environment[f"{service.upper()}_IMAGE"]


def find(stack: Stack, service: str, *tests: str) -> list[str]:
    """Return what `find` finds in an image, as root."""
    words = ["--network=none", "--user=0", "--entrypoint=find", image(stack, service)]
    return docker("run", "--rm", *words, *tests).splitlines()


@of_each_service
def test_an_image_has_the_code_of_one_service(stack: Stack, service: str) -> None:
    (other,) = set(SERVICES) - {service}

    assert stack.execute(service, "ls", "-A", "/srv/bookstore").split() == sorted(
        ["common", f"{service}_service", "services.toml"]
    )
    assert find(stack, service, "/", "-xdev", "-name", f"{other}_service*") == []


@of_each_service
def test_an_image_has_nothing_to_build_or_test_with(stack: Stack, service: str) -> None:
    names = [word for tool in TOOLS for word in ("-o", "-name", tool)][1:]
    pip = stack.attempt("exec", "-T", service, "python", "-m", "pip", "--version")

    assert find(stack, service, "/srv", "/opt", "/usr/bin", "/usr/local/bin", "(", *names, ")") == []
    assert "No module named pip" in pip.stderr


@of_each_service
def test_nothing_in_an_image_makes_its_user_another(stack: Stack, service: str) -> None:
    assert find(stack, service, "/", "-xdev", "-type", "f", "-perm", "/6000") == []


def test_an_image_runs_that_was_built_from_a_clone_only_its_owner_can_read(
    images: dict[str, str], make_stack: MakeStack
) -> None:
    names = {"AUTH_IMAGE": f"{images['AUTH_IMAGE']}-umask"}  # one Dockerfile makes both
    stack = make_stack(**names)
    for path in stack.folder.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    stack.compose("build", "auth")
    try:
        code = "import auth_service"
        docker("run", "--rm", "--network=none", image(stack, "auth"), "python", "-c", code)
    finally:
        remove_images(names)


@of_each_service
def test_every_module_of_an_image_is_compiled(stack: Stack, service: str) -> None:
    modules = stack.execute(service, "find", "/srv/bookstore", "-name", "*.py").splitlines()
    compiled = stack.execute(service, "find", "/srv/bookstore", "-name", "*.cpython-313.pyc").splitlines()

    assert len(modules) > 30
    assert len(compiled) == len(modules)


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

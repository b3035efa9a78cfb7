"""docker-compose.yml says what the documents say, and passes on what the services can be told."""

import re
from dataclasses import fields
from typing import Any

import pytest
import yaml

from auth_service.settings import AuthSettings
from books_service.settings import BooksSettings
from common.settings import Settings
from tests.programs import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
# What a container has fixed places for, and what is built from others.
FIXED = {"service", "data_dir", "secret", "database_url", "host", "port", "metrics_port", "is_command"}
FIXED |= {"auth_url", "follower_heartbeat"}  # of the follower
NAMES = {"keys_file": "JWT_KEYS_FILE", "workers": "WEB_CONCURRENCY", "argon2_memory": "ARGON2_MEMORY_KIB"}
ONCE = {"keys", "db-roles", "auth-migrate", "books-migrate"}


@pytest.mark.parametrize(("service", "kind"), [("auth", AuthSettings), ("books", BooksSettings)])
def test_every_setting_reaches_the_container(service: str, kind: type[Settings]) -> None:
    members = {field.name for field in fields(kind)} - FIXED
    settings = {NAMES.get(name, name.upper()) for name in members}

    assert settings - COMPOSE["services"][service]["environment"].keys() == set()


def test_every_variable_is_documented() -> None:
    documents = (ROOT / "README.md").read_text() + (ROOT / "docs/operations.md").read_text()

    variables = set(re.findall(r"\$\{([A-Z_]+)", TEXT)) - {"REVISION"}  # the commit, which `make up` gives

    assert len(variables) > 15
    assert {name for name in variables if f"`{name}`" not in documents} == set()


def test_every_service_is_documented() -> None:
    operations = (ROOT / "docs/operations.md").read_text()

    assert [name for name in COMPOSE["services"] if f"`{name}`" not in operations] == []


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_no_container_can_do_more_than_it_has_to(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert not {"privileged", "cap_add"} & service.keys()
    assert {"mem_limit", "cpu_quota", "pids_limit", "restart"} <= service.keys()
    assert mebibytes(default_of(service["mem_limit"])) <= 1024
    assert int(default_of(service["cpu_quota"])) <= 2 * service["cpu_period"]
    assert int(service["pids_limit"]) <= 512
    assert service["logging"]["driver"] == "json-file"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert "bookstore-" in service["image"] or service["user"] not in ("root", "0")
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")


def default_of(value: object) -> str:
    """Return what stands for `${NAME:-default}` if nobody sets it, or the value itself."""
    return re.sub(r"\$\{[A-Z_]+:-(\w+)\}", r"\1", str(value))


def mebibytes(size: str) -> int:
    return int(size[:-1]) * {"m": 1, "g": 1024}[size[-1]]

"""The manifests in deploy/kubernetes as `kubectl kustomize` renders them, beside docker-compose.yml."""

import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.debian import require
from tests.programs import ROOT

Manifest = dict[str, Any]

COMPOSE: Manifest = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OVERLAYS = {"single": {"db", "db-roles"}, "replicas": {"auth-pgbouncer", "books-pgbouncer"}}
SHARED = {"auth", "auth-migrate", "books", "books-migrate", "follower", "nginx"}

in_each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@cache
def render(overlay: str) -> list[Manifest]:
    """Return the objects of an overlay."""
    text = kustomize(ROOT / "deploy/kubernetes" / overlay)
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))  # the other takes seconds


def kustomize(folder: Path) -> str:
    """Return what kubectl makes of a folder."""
    require(["kubectl"], "kubernetes-client")
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def named(overlay: str, kind: str) -> dict[str, Manifest]:
    """Return the objects of a kind by their names, those of ConfigMaps without their hashes."""
    found = [each for each in render(overlay) if each["kind"] == kind]
    return {re.sub(r"-[0-9a-z]{10}$", "", each["metadata"]["name"]): each for each in found}


def templates(overlay: str) -> dict[str, Manifest]:
    """Return what the pods of each workload are made from, by its name."""
    kinds = [named(overlay, kind) for kind in ("Deployment", "StatefulSet", "Job")]
    return {name: each["spec"]["template"] for kind in kinds for name, each in kind.items()}


def pods(overlay: str) -> dict[str, Manifest]:
    return {name: each["spec"] for name, each in templates(overlay).items()}


def containers(overlay: str) -> dict[str, Manifest]:
    """Return the one container of each workload, which has its name."""
    found = {name: pod["containers"] for name, pod in pods(overlay).items()}
    assert [name for name, each in found.items() if [one["name"] for one in each] != [name]] == []
    return {name: each[0] for name, each in found.items()}


def environment(overlay: str, container: Manifest) -> dict[str, str]:
    """Return the variables of a container; what comes later wins."""
    maps = {each["metadata"]["name"]: each["data"] for each in named(overlay, "ConfigMap").values()}
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]]
    return found | {each["name"]: each.get("value", "") for each in container.get("env", [])}


def default_of(value: object, settings: Mapping[str, str] | None = None) -> str:
    """Return a value of docker-compose.yml as the engine gets it if only these settings are set."""

    def choose(found: re.Match[str]) -> str:
        return (settings or {}).get(found[1], found[2])

    text = "" if value is None else str(value)
    return re.sub(r"\$\{([A-Z_]+):-([^}]*)\}", choose, text).replace("$$", "$")

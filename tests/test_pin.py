"""`make pin` writes what the engine says of the base images into .env, and leaves the rest of it."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.programs import ROOT

# An engine that has pulled whatever it was told to.
DOCKER = '#!/bin/sh\ntest "$1" = pull || echo "registry.example/some@sha256:$(echo "$5" | tr -d :.-)"\n'


def test_the_base_images_are_pinned_and_other_settings_stay(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    docker, settings = tmp_path / "docker", tmp_path / ".env"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    settings.write_text("THREADS=3\n\nNGINX_IMAGE=nginx:1.25\nSERVER=granian\n")

    for _ in range(2):
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        subprocess.run([ROOT / "deploy/pin"], cwd=tmp_path, env=environment, check=True)

    assert settings.read_text().splitlines() == [
        *("THREADS=3", "", "SERVER=granian"),
        "PYTHON_IMAGE=python:3.13-slim-trixie@sha256:python313slimtrixie",
        "POSTGRES_IMAGE=postgres:17-trixie@sha256:postgres17trixie",
        "NGINX_IMAGE=nginx:1.26@sha256:nginx126",
    ]

"""Schemathesis reads each service's own document and tries to find where the service does not keep it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import served
from tests.people import Person, book
from tests.programs import ROOT
from tests.served import ServedPair

pair = served.pair  # its servers are what is tested

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES")  # an operation; when somebody sets it, on both databases
FEW = "3"
RUNS = [("auth", "postgresql"), ("books", "sqlite")]
REST = [("auth", "sqlite"), ("books", "postgresql")] if EXAMPLES else []


@pytest.mark.slow
@pytest.mark.parametrize(("service", "pair"), RUNS + REST, indirect=["pair"], scope="session")
def test_the_service_keeps_what_its_document_promises(service: str, pair: ServedPair, admin: Person) -> None:
    for _ in range(3):
        admin.post("/books", book())

    command = [sys.executable, "-m", "schemathesis.cli"]
    options = ["--config-file", str(CONFIGURATION), "run", pair.url(service) + "/openapi.json"]
    run = subprocess.run(
        [*command, *options, "--max-examples", EXAMPLES or FEW, "--no-color", "--output-sanitize", "false"],
        cwd=ROOT,
        env={
            **os.environ,
            "SCHEMATHESIS_TOKEN": admin.token,
            "SCHEMATHESIS_NAME": admin.name,
            "SCHEMATHESIS_PASSWORD": admin.password,
            "SCHEMATHESIS_URL": pair.url("auth"),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr

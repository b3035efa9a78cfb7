"""Prometheus can read what it is told, each alert is explained, and Grafana knows the dashboard."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.cases import every
from tests.debian import require
from tests.monitoring.rules import ALERTS, DASHBOARD, FOLDER
from tests.programs import ROOT
from tests.readme import section


@pytest.fixture(scope="module")
def _promtool() -> None:
    require(["promtool"], "prometheus")


@pytest.mark.usefixtures("_promtool")
@every(
    "words, file",
    [
        ("check config --lint-fatal", FOLDER / "prometheus.yml"),
        ("check rules --lint-fatal", FOLDER / "rules.yml"),
        ("test rules", ROOT / "tests/monitoring/rules_test.yml"),
    ],
)
def test_promtool_finds_no_fault(words: str, file: str) -> None:
    done = subprocess.run(["promtool", *words.split(), file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    paragraphs = re.findall(r"^### (\w+)$", section("docs/operations.md", "## Alerts"), re.M)
    runbooks = {name: rule["annotations"]["runbook"] for name, rule in ALERTS.items()}

    assert sorted(paragraphs) == sorted(ALERTS)
    assert runbooks == {name: f"docs/operations.md#{name.lower()}" for name in ALERTS}


def test_grafana_knows_every_member_of_the_dashboard_and_the_source_of_its_panels() -> None:
    register_default_plugins()
    file = FOLDER / "grafana/provisioning/datasources/prometheus.yml"
    (source,) = yaml.safe_load(file.read_text())["datasources"]

    known = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))

    assert leaves(DASHBOARD) - leaves(known) == set()
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}


def leaves(part: Any, path: str = "") -> set[str]:
    """Return the paths of all values in a document, each with its value."""
    if not isinstance(part, dict | list):
        return {f"{path}={part!r}"}
    members = part.items() if isinstance(part, dict) else enumerate(part)
    return {leaf for key, value in members for leaf in leaves(value, f"{path}.{key}")}

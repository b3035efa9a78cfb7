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


def test_grafana_knows_every_member_of_the_dashboard() -> None:
    register_default_plugins()

    known = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))

    assert unknown(DASHBOARD, known) == []
    assert unknown({"panels": [{"grid": 1}, {}]}, {"panels": [{}, {"a": 2}]}) == [".panels.0.grid"]


def unknown(wanted: Any, known: Any, path: str = "") -> list[str]:
    """Return the paths of what is wanted, and not known with the same value."""
    if isinstance(wanted, dict) and isinstance(known, dict):
        return [
            each for key, value in wanted.items() for each in unknown(value, known.get(key), f"{path}.{key}")
        ]
    if isinstance(wanted, list) and isinstance(known, list) and len(wanted) == len(known):
        pairs = enumerate(zip(wanted, known, strict=True))
        return [each for number, pair in pairs for each in unknown(*pair, f"{path}.{number}")]
    return [] if wanted == known else [path]


def test_the_panels_fill_rows_and_ask_the_source_that_is_provided() -> None:
    (source,) = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    panels = DASHBOARD["panels"]
    places = [panel["gridPos"] for panel in panels]

    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({(place["x"], place["y"]) for place in places}) == len(panels) > 10

"""What the rules and the dashboard of Prometheus name."""

import json
import re
from typing import Any

import yaml

from tests.programs import ROOT

FOLDER = ROOT / "deploy/monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana/dashboards/bookstore.json").read_text())
GROUPS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}

# Of an expression of Prometheus: labels, their names behind `by` and `on`, and `and` and `or`; then
# words that call nothing.
LABELS = re.compile(r"\{.*?\}|\b(?:by|on) \(.*?\)|\b(?:and|or|unless)\b")
METRIC = re.compile(r"\b[a-zA-Z_][a-zA-Z0-9_:]*\b(?! *\()")


def metrics() -> set[str]:
    """Return the names of all metrics that rules and panels use."""
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    bare = [LABELS.sub("", text).replace("[5m]", "") for text in [*panels, *(rule["expr"] for rule in RULES)]]
    return {name for text in bare for name in METRIC.findall(text)}

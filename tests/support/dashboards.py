"""The dashboards as they are checked in, and their queries as Grafana would send them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "helm" / "rendezvous" / "dashboards"
ALERTS = ROOT / "helm" / "rendezvous" / "alerts"
# A selector: the name of a metric or a record, and its matchers if it has some.
_SELECTOR = re.compile(r"\b(?:rendezvous_\w+|process_\w+|\w+:rendezvous_\w+:\w+)(?:\{[^}]*\})?")
_LABELS_OF = re.compile(r"label_values\((?P<metric>.+), (?P<label>\w+)\)")
_GROUPED = re.compile(r"\b(?:by|on|ignoring|group_left|group_right)\s*\([^)]*\)")


class Query(NamedTuple):
    """One query of a panel."""

    dashboard: str
    panel: Mapping[str, Any]
    target: Mapping[str, Any]

    @property
    def expression(self) -> str:
        """As it stands in the file."""
        return str(self.target["expr"])

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel['title']}: {self.target['refId']}"


class Variable(NamedTuple):
    """A variable whose values are those of a label."""

    name: str
    metric: str
    label: str


def dashboards() -> dict[str, Mapping[str, Any]]:
    """Return the dashboards by name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def queries() -> list[Query]:
    """Return every query of every panel."""
    return [
        Query(name, panel, target)
        for name, board in dashboards().items()
        for panel in board["panels"]
        for target in panel["targets"]
    ]


def variables(board: Mapping[str, Any]) -> Iterator[Variable]:
    """Return the variables of *board* that are asked of the data source."""
    for each in board["templating"]["list"]:
        if each["type"] == "query":
            match = _LABELS_OF.fullmatch(each["query"])
            assert match, each["query"]
            yield Variable(each["name"], match["metric"], match["label"])


def substituted(
    expression: str, values: Mapping[str, list[str]], *, interval_s: int = 1, range_s: int = 60
) -> str:
    """
    Return *expression* as Grafana sends it, with all *values* of each variable chosen.

    $__rate_interval is at least four times the interval between scrapes, here *interval_s*.
    """
    known = {
        "$__rate_interval": f"{4 * interval_s}s",
        "$__interval": f"{interval_s}s",
        "$__range": f"{range_s}s",
    }
    for name, chosen in values.items():
        known[f"${name}"] = chosen[0] if len(chosen) == 1 else f"({'|'.join(map(re.escape, chosen))})"
    for name in sorted(known, key=len, reverse=True):
        expression = expression.replace(name, known[name].replace("\\", "\\\\"))
    return expression


def selectors(expression: str) -> set[str]:
    """Return the selectors in *expression*, without ranges."""
    return set(_SELECTOR.findall(_GROUPED.sub("", expression)))


def rules() -> list[dict[str, Any]]:
    """Return every rule that is recorded or alerts."""
    loaded = [yaml.safe_load(path.read_text()) for path in sorted(ALERTS.glob("*.yaml"))]
    return [rule for each in loaded for group in each["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}

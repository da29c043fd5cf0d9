"""What holds for every panel and every alert, whatever they show."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendezvous_cli.main import app
from typer.main import get_command

from tests.support.dashboards import (
    ROOT,
    Query,
    alerts,
    dashboards,
    queries,
    rules,
    selectors,
    substituted,
    variables,
)
from tools.alerts.alert import RUNBOOKS
from tools.generate_alerts import FOLDER as ALERTS
from tools.generate_alerts import generate as generate_alerts
from tools.generate_dashboards import FOLDER as DASHBOARDS
from tools.generate_dashboards import generate as generate_dashboards
from tools.generate_metrics import MODULES, families
from tools.generate_metrics import generate as generate_pages

_COUNTER = re.compile(r"\w+(?:_total|_bucket|_count|_sum)\b(?:\{[^}]*\})?(?P<range>\[)?")
_UNITS = {"timeseries", "stat", "heatmap", "barchart", "table"}
_PROMTOOL = shutil.which("promtool") or "promtool"
_PAGE_PARTS = ("## What it means", "## What to look at", "## What to do")


def test_the_dashboards_are_those_of_the_code(tmp_path: Path) -> None:
    generate_dashboards(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in DASHBOARDS.iterdir()}
    assert kept == made, "run `python -m tools.generate_dashboards` and commit what it writes"


def test_the_alerts_are_those_of_the_code(tmp_path: Path) -> None:
    generate_alerts(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in ALERTS.iterdir()}
    assert kept == made, "run `python -m tools.generate_alerts` and commit what it writes"


@pytest.mark.parametrize("name", dashboards())
def test_a_dashboard_cannot_be_edited_and_has_its_data_source_as_a_variable(name: str) -> None:
    board = dashboards()[name]
    assert board["editable"] is False
    assert board["uid"] == f"rendezvous-{name}"
    assert board["description"]
    (source,) = (each for each in board["templating"]["list"] if each["type"] == "datasource")
    assert (source["name"], source["query"]) == ("datasource", "prometheus")
    found = {panel["datasource"]["uid"] for panel in board["panels"]}
    found |= {target["datasource"]["uid"] for panel in board["panels"] for target in panel["targets"]}
    found |= {each["datasource"]["uid"] for each in board["templating"]["list"] if each["type"] == "query"}
    assert found == {"${datasource}"}


@pytest.mark.parametrize("name", dashboards())
def test_a_panel_has_a_title_of_its_own_a_description_a_unit_and_thresholds(name: str) -> None:
    panels = dashboards()[name]["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        if panel["type"] == "heatmap":  # its colours are its thresholds, its axis has the unit
            assert panel["options"]["yAxis"]["unit"], panel["title"]
        else:
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_counter_is_only_ever_shown_as_a_rate_or_an_increase(query: Query) -> None:
    for found in _COUNTER.finditer(query.expression):
        assert found["range"], found.group()
    for window in re.findall(r"rate\([^[]*\[([^]]+)\]", query.expression):
        assert window == "$__rate_interval"
    for window in re.findall(r"increase\([^[]*\[([^]]+)\]", query.expression):
        assert window == "$__range"


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_query_is_asked_the_way_that_its_panel_draws(query: Query) -> None:
    kind, target = query.panel["type"], query.target
    assert kind in _UNITS
    ranged = kind in {"timeseries", "heatmap"}
    assert (bool(target.get("range")), bool(target.get("instant"))) == (ranged, not ranged)
    assert query.expression.startswith("sum by (le) (") == (kind == "heatmap")
    expected = {"heatmap": "heatmap", "barchart": "table", "table": "table"}.get(kind)
    assert target.get("format") == expected
    if kind == "timeseries":
        assert target["legendFormat"] != "__auto"


@pytest.mark.prometheus
def test_every_query_of_every_panel_is_one_for_prometheus(tmp_path: Path) -> None:
    chosen = {each.name: ["a", "b.c"] for board in dashboards().values() for each in variables(board)}
    records = [
        {"record": f"query_{number}", "expr": substituted(query.expression, chosen)}
        for number, query in enumerate(queries())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": records}]}))
    checked = subprocess.run(
        [_PROMTOOL, "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_is_wrong_and_links_to_its_page(name: str) -> None:
    rule = alerts()[name]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith(".")
    assert rule["annotations"]["runbook_url"] == f"{RUNBOOKS}/{name}.html"
    page = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    assert [part for part in _PAGE_PARTS if part not in page] == []


def test_every_page_is_of_an_alert() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} - {"index"}
    assert pages == alerts().keys()


def test_a_record_that_an_alert_needs_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {found for rule in alerts().values() for found in selectors(rule["expr"]) if ":" in found}
    assert asked <= recorded
    assert recorded <= asked


def test_a_page_names_only_panels_and_commands_that_there_are() -> None:
    panels = {
        f"{_short(each)} / {panel['title']}" for each in dashboards().values() for panel in each["panels"]
    }
    commands = {each.name or each.callback.__name__ for each in get_command(app).commands.values()}  # type: ignore[attr-defined]  # a group of named commands
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        text = page.read_text()
        assert set(re.findall(r"panel `([^`]+)`", text)) <= panels, page.name
        assert set(re.findall(r"(?:^|`)rendezvous ([a-z]+)", text, re.MULTILINE)) <= commands, page.name


def _short(board: Mapping[str, Any]) -> str:
    return str(board["title"]).removeprefix("Rendezvous / ")


def test_the_references_are_those_of_the_code(tmp_path: Path) -> None:
    generate_pages(tmp_path)
    made = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*.md")}
    kept = {name: (ROOT / "docs" / name).read_text() for name in made}
    assert kept == made, "run `python -m tools.generate_metrics` and commit what it writes"


def test_a_family_has_a_name_as_all_have_few_labels_and_says_what_it_is() -> None:
    declared = [family for module in MODULES.values() for family in families(module)]
    assert len({family.name for family in declared}) == len(declared)
    for family in declared:
        assert re.fullmatch(r"rendezvous_[a-z_]+", family.name)
        assert not family.name.endswith("_total"), family.name
        assert len(family.labels) <= 5, family.name
        assert not {"request_id", "id", "instance", "job"} & {*family.labels}, family.name
        assert family.text.endswith("."), family.name


def test_every_metric_that_is_asked_for_is_declared() -> None:
    declared = {family.name for module in MODULES.values() for family in families(module)}
    asked = {_metric(found) for query in queries() for found in selectors(query.expression)}
    asked |= {_metric(found) for rule in rules() for found in selectors(rule["expr"]) if ":" not in found}
    assert {name for name in asked if name.startswith("rendezvous_")} <= declared


def _metric(selector: str) -> str:
    return re.sub(r"_(?:total|bucket|count|sum)$", "", selector.partition("{")[0])

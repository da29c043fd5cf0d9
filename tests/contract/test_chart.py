"""The chart, without a cluster: its schema, its objects against theirs, and its own tests."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from rendezvous_contracts.policy import parse_documents

from tests.contract.test_images import ROOT

CHART: Final = ROOT / "helm" / "rendezvous"
VALUES: Final = sorted((CHART / "ci").glob("*-values.yaml"))
TRIED: Final = CHART / "ci" / "wine-values.yaml"
# A folder of schemas by kind, group and version, for kubeconform; those of the Kubernetes that is aimed at.
SCHEMAS: Final = "RENDEZVOUS_KUBERNETES_SCHEMAS"
KUBERNETES: Final = "1.34.0"
_COMMAND_S: Final = 120.0


def run(tool: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Return what *tool* did; skips the test where it is not on PATH."""
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} on PATH")
    return subprocess.run(
        [tool, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=_COMMAND_S
    )


def rendered(values: Path, *more: str) -> list[dict[str, Any]]:
    arguments = ("--values", str(values), "--kube-version", KUBERNETES, "--namespace", "demo", *more)
    done = run("helm", "template", "wine", str(CHART), *arguments)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def by_values(values: Path) -> str:
    return values.stem


@pytest.mark.parametrize("values", VALUES, ids=by_values)
def test_helm_finds_nothing_wrong(values: Path) -> None:
    done = run("helm", "lint", "--strict", str(CHART), "--values", str(values))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", VALUES, ids=by_values)
def test_every_object_is_as_its_schema_says(values: Path) -> None:
    folder = os.environ.get(SCHEMAS)
    if not folder:
        pytest.skip(f"{SCHEMAS} names no folder with schemas")
    text = yaml.safe_dump_all(rendered(values))
    where = f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    done = run("kubeconform", "-strict", "-summary", "-output", "json", "-schema-location", where, stdin=text)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["summary"]["skipped"] == 0


def test_the_chart_s_own_tests_pass() -> None:
    done = run("helm-unittest", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("gatway.replicas=2", "additional properties 'gatway' not allowed"),
        ("gateway.replicas=many", "got string, want integer"),
        ("models.Wine.model=wine@1", "does not match pattern"),
        ("models.wine.model=wine", "does not match pattern"),
        ("models.wine.replicas=2", "missing property 'model'"),
        ("kafka.bootstrapServers=kafka", "does not match pattern"),
        ("kafka.security.protocol=TLS", "must be one of"),
        ("defaults.autoscaling.type=vpa", "must be one of"),
        ("canary.runtime=pickle", "must be one of"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(given: str, says: str) -> None:
    done = run("helm", "lint", str(CHART), "--values", str(TRIED), "--set", given)
    assert done.returncode != 0
    assert says in done.stdout


def test_every_value_has_a_default_and_a_place_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values.keys() == schema["properties"].keys()
    assert missing(values, schema, schema["$defs"]) == []


def missing(
    values: dict[str, Any], schema: dict[str, Any], shared: dict[str, Any], at: str = ""
) -> list[str]:
    """Return the defaults that the schema does not know, by their paths."""
    found = []
    for name, value in values.items():
        part = schema.get("properties", {}).get(name)
        if part is None:
            if schema.get("additionalProperties") is False:
                found.append(f"{at}{name}")
            continue
        part = shared[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if isinstance(value, dict):
            found += missing(value, part, shared, f"{at}{name}.")
    return found


@pytest.mark.parametrize("values", VALUES, ids=by_values)
def test_what_the_jobs_apply_can_be_read(values: Path) -> None:
    (policies,) = (each for each in rendered(values) if each["metadata"]["name"].endswith("-policies"))
    given = yaml.safe_load(values.read_text())
    texts = {name: text for name, text in policies["data"].items() if name.endswith(".yaml")}
    read = {name: parse_documents(text, name) for name, text in texts.items() if text.strip()}
    wanted = {f"route-{name}.yaml" for name in given.get("routes", {})}
    assert wanted <= read.keys()


def test_what_runs_in_the_example_fits_on_one_small_node() -> None:
    cpu = 0.0
    for each in rendered(TRIED):
        if each["kind"] in {"Deployment", "StatefulSet"}:
            for container in each["spec"]["template"]["spec"]["containers"]:
                milli = float(container["resources"]["requests"]["cpu"].removesuffix("m"))
                cpu += milli * each["spec"]["replicas"] / 1000
    assert cpu < 1


def test_every_dashboard_and_alert_of_the_chart_is_in_it() -> None:
    names = {each["metadata"]["name"] for each in rendered(CHART / "ci" / "full-values.yaml")}
    dashboards = {f"wine-rendezvous-dashboard-{path.stem}" for path in (CHART / "dashboards").glob("*.json")}
    alerts = {f"wine-rendezvous-{path.stem}" for path in (CHART / "alerts").glob("*.yaml")}
    assert dashboards | alerts <= names
    assert dashboards
    assert alerts

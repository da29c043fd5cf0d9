"""What the images and the containers of this repository have to have in common, read from their files."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
SERVICES: Final = sorted(path.parent.name for path in ROOT.glob("services/*/Dockerfile"))
FILES: Final = sorted(
    [*ROOT.glob("services/*/Dockerfile"), ROOT / "cli/Dockerfile", *ROOT.glob("examples/*/Dockerfile")]
)
SCORING: Final = ("canary", "model-container")
RUNTIMES: Final = ("onnx", "pmml", "remote", "tensorflow")
# By stage, those images that do without it. Machine code is for what each request waits for.
LACKING: Final = {
    "uv": set[str](),
    "compile": {"canary", "cli", "decoy", "gateway", "operator", "wine"},
    "run": set[str](),
    "serve": {"cli", "wine"},
}
COMPOSE: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def stages(path: Path) -> dict[str, str]:
    """Return the text of each stage by its name; the last, if it has none, under an empty one."""
    parts = re.split(r"(?m)^(?=FROM )", path.read_text())[1:]
    return {_name(part): part.strip() for part in parts}


def _name(stage: str) -> str:
    first = stage.splitlines()[0].split()
    return first[3] if len(first) > 2 else ""


def ours() -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, each) for name, each in COMPOSE["services"].items() if "rendezvous/" in each["image"])


@pytest.mark.parametrize("shared", LACKING)
def test_what_images_share_is_the_same_text_in_each(shared: str) -> None:
    texts = {path: stages(path).get(shared) for path in FILES}
    having = {text for text in texts.values() if text}
    assert len(having) == 1
    lacking = {path.parent.name for path, text in texts.items() if not text}
    assert lacking == LACKING[shared]


@pytest.mark.parametrize("service", SCORING)
def test_what_scores_has_one_target_for_each_runtime(service: str) -> None:
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    found = stages(ROOT / "services" / service / "Dockerfile")
    assert set(RUNTIMES) <= set(found) & set(extras)
    assert [name for name in RUNTIMES if f"--extra {name}" not in found[f"build-{name}"]] == []
    assert [name for name in RUNTIMES if "/opt/java" in found[name]] == ["pmml"]
    assert [name for name in RUNTIMES if "ORT_DISABLE_TELEMETRY=1" in found[name]] == ["onnx"]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_which_port_its_service_shows_its_health_on(service: str) -> None:
    text = (ROOT / "services" / service / "Dockerfile").read_text()
    (port,) = re.findall(r"RENDEZVOUS_WEB_PORT=(\d+)", text)
    (exposed,) = re.findall(r"(?m)^EXPOSE (.*)$", text)
    assert port in exposed.split()
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (targets,) = [each["static_configs"][0]["targets"] for each in scraped if each["job_name"] == service]
    assert {target.rpartition(":")[2] for target in targets} == {port}


def test_every_service_of_ours_is_scraped_and_nobody_else() -> None:
    jobs = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    named = {target.rpartition(":")[0] for job in jobs for target in job["static_configs"][0]["targets"]}
    looked_up = {name for job in jobs for found in job.get("dns_sd_configs", ()) for name in found["names"]}
    staying = {name: each for name, each in ours() if each.get("restart")}
    assert named - {"127.0.0.1"} == {name for name, each in staying.items() if "profiles" not in each}
    assert looked_up == {name for name, each in staying.items() if "profiles" in each}


def test_nothing_of_ours_is_taken_from_a_registry() -> None:
    assert [name for name, each in ours() if each["pull_policy"] != "never"] == []


def test_no_container_is_without_bounds() -> None:
    for name, each in COMPOSE["services"].items():
        assert each["mem_limit"], name
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert each["logging"]["options"]["max-size"], name
    assert [name for name, each in ours() if not each["read_only"]] == []


def test_every_image_is_pinned() -> None:
    images = {each["image"] for each in COMPOSE["services"].values()}
    assert [image for image in images if not re.search(r":(\d|v\d|\$\{RENDEZVOUS_VERSION:-\d)", image)] == []


def test_every_container_that_stays_is_watched_and_comes_back() -> None:
    staying = {name: each for name, each in COMPOSE["services"].items() if each.get("restart")}
    assert [name for name, each in staying.items() if each["restart"] != "unless-stopped"] == []
    # An image of a service brings its own health check.
    watched = {name for name, each in staying.items() if "healthcheck" in each} | {name for name, _ in ours()}
    assert set(staying) - watched == set()


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = [port for each in COMPOSE["services"].values() for port in each.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []

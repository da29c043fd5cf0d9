"""The wine example in containers: up, asked, rolled out, killed and gone. Tests run in their order."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from docker.models.containers import Container  # type: ignore[import-untyped]  # it has no types
from rendezvous_client import Answered, ClientError, GatewayAsker, Kafka, Question, read_status
from rendezvous_local.ports import free_port
from scoring.v1.status_pb2 import DeploymentState

from examples.wine.dataset import Wines, read_wines
from tests.support.compose import Compose, why_no_compose
from tests.support.polling import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1_200)]

PROJECT: Final = "rendezvous-test"
PORTS: Final = ("GATEWAY", "KAFKA", "PROMETHEUS", "GRAFANA")
OURS: Final = (
    "gateway",
    "feature-extractor",
    "rendezvous",
    "decoy",
    "operator",
    "wine-forest-1",
    "canary",
    "wine-mlp-1",  # long after the champion, so that one of the two is always there
)
# All but Grafana, which shows what Prometheus has: nothing here asks it.
STAYING: Final = ("kafka", *OURS, "prometheus")
ONCE: Final = ("topics", "models")
BUILT: Final = (*ONCE, *(name for name in OURS if name != "wine-mlp-1"))  # its image is another's
FIRST_ANSWER_S: Final = 60.0
PATIENCE_S: Final = 60.0
SECOND: Final = "wine-forest@2"
DEPLOYMENT: Final = "wine-forest-2"
READY: Final = DeploymentState.DEPLOYMENT_STATE_READY
USER: Final = "10001:10001"


@dataclass
class Wine:
    """The system, and somebody who asks it about wines."""

    compose: Compose
    gateway: str
    prometheus: str
    kafka: Kafka
    wines: Wines
    # How many want each processor before it is up: 1, or more on a machine that others use as well.
    crowd: float = 1.0
    first_answer_s: float = 0.0

    def ask(self, number: int = 0, name: str = "") -> Answered:
        """Return the answer about a wine, asked over a connection of its own."""
        fields = dict(zip(self.wines.names, self.wines.features[number], strict=True))
        question = Question("wine", fields, id=name) if name else Question("wine", fields)
        with GatewayAsker(self.gateway) as asker:
            return asker.ask(question)

    def answered_by_a_model(self) -> Answered | None:
        """Return the answer to a question if a model gave it."""
        try:
            answer = self.ask()
        except ClientError:
            return None
        return answer if answer.source == "model" else None

    def wait_answered(self, timeout_s: float = PATIENCE_S) -> Answered:
        """Return the first answer that a model gives."""
        answer = wait_until(self.answered_by_a_model, timeout_s, "a model answers", every_s=0.2)
        assert answer is not None
        return answer

    def answered(self, name: str) -> Answered:
        """Ask under ids that begin with *name* until a model answers; return that answer."""
        answers = (self.ask(name=f"{name}-{number}") for number in count())
        by_models = (answer if answer.source == "model" else None for answer in answers)
        answer = wait_until(lambda: next(by_models), PATIENCE_S, "a model answers")
        assert answer is not None
        return answer

    def deployment_state(self) -> int | None:
        """Return what a live operator says of the deployment, or None."""
        try:
            heard = read_status(self.kafka).values()
        except ClientError:
            return None
        statuses = (each.status for each in heard if each.is_live(time.time()))
        said = (each for status in statuses for each in status.deployments)
        return next((each.state for each in said if each.deployment == DEPLOYMENT), None)

    def query(self, expression: str) -> dict[str, float]:
        """Return what Prometheus answers, by the label instance."""
        url = f"{self.prometheus}/api/v1/query?query={quote(expression)}"
        with urlopen(url, timeout=10) as response:  # noqa: S310  # this machine's own
            result = json.load(response)["data"]["result"]
        return {each["metric"].get("instance", ""): float(each["value"][1]) for each in result}


@pytest.fixture(scope="module")
def wine() -> Iterator[Wine]:
    """The system from images that are built, up and asked its first question."""
    if why := why_no_compose():
        pytest.skip(why)
    ports = {name: free_port() for name in PORTS}
    environment = {f"RENDEZVOUS_{name}_PORT": str(port) for name, port in ports.items()}
    with Compose(PROJECT, environment) as compose:
        compose.run("build", *BUILT)
        crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        began = time.monotonic()
        compose.run("up", "--detach", "--no-build", *STAYING)
        gateway, prometheus = (f"http://127.0.0.1:{ports[name]}" for name in ("GATEWAY", "PROMETHEUS"))
        kafka = Kafka(f"127.0.0.1:{ports['KAFKA']}")
        wine = Wine(compose, gateway, prometheus, kafka, read_wines(), crowd)
        wine.wait_answered(FIRST_ANSWER_S * crowd)
        wine.first_answer_s = time.monotonic() - began
        yield wine


def said(answer: Answered) -> tuple[object, ...]:
    return answer.outputs, answer.source, answer.model, answer.revision, answer.tier, answer.rule


def confined(container: Container) -> dict[str, object]:
    """Return what Docker keeps the container from."""
    host = container.attrs["HostConfig"]
    names = ("ReadonlyRootfs", "CapDrop", "SecurityOpt", "Memory", "PidsLimit", "CpuShares", "Init")
    return {"User": container.attrs["Config"]["User"], **{name: host[name] for name in names}}


def test_the_first_answer_of_a_model_comes_within_a_minute(wine: Wine) -> None:
    assert wine.first_answer_s < FIRST_ANSWER_S * wine.crowd


def test_every_container_becomes_healthy(wine: Wine) -> None:
    wine.compose.up(STAYING)
    assert {name: wine.compose.health(name) for name in STAYING} == dict.fromkeys(STAYING, "healthy")
    assert {name: wine.compose.state(name)["ExitCode"] for name in ONCE} == dict.fromkeys(ONCE, 0)


def test_no_container_of_ours_may_do_more_than_it_has_to(wine: Wine) -> None:
    containers = wine.compose.containers()
    for name in (*OURS, *ONCE):
        attrs = containers[name].attrs
        host = attrs["HostConfig"]
        # The engine's socket is root's.
        assert attrs["Config"]["User"] == ("0:0" if name == "operator" else USER), name
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["Memory"] > 0) == (True, ["ALL"], True), name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        labels = attrs["Config"]["Labels"]
        assert labels["org.opencontainers.image.title"].partition(",")[0] in attrs["Config"]["Image"], name
        assert labels["org.opencontainers.image.version"], name


@pytest.mark.parametrize(
    ("service", "java"), [("rendezvous", False), ("decoy", False), ("operator", False), ("canary", True)]
)
def test_an_image_holds_what_its_service_needs_and_not_what_built_it(
    wine: Wine, service: str, java: bool
) -> None:
    look = (
        "import importlib.util as u, os, shutil; print(u.find_spec('tensorflow'),"
        " bool(os.environ.get('JAVA_HOME') or shutil.which('java')),"
        " *filter(None, map(shutil.which, ('uv', 'gcc', 'make', 'curl'))))"
    )
    found = wine.compose.containers()[service].exec_run(["python", "-c", look])
    assert found.output.decode().split() == ["None", str(java)]


def test_the_engine_is_machine_code_where_it_runs(wine: Wine) -> None:
    look = (
        "from rendezvous_engine import engine; from rendezvous_service import handler; print(engine, handler)"
    )
    found = wine.compose.containers()["rendezvous"].exec_run(["python", "-c", look])
    assert found.output.decode().count(".so'") == 2


def test_prometheus_reads_every_service(wine: Wine) -> None:
    wait_until(lambda: set(wine.query("up").values()) == {1.0}, PATIENCE_S, "all are scraped", every_s=0.5)
    assert len(wine.query("up")) == len(OURS) + 1
    assert len(wine.query('count by (instance) ({__name__=~"rendezvous_.+"})')) == len(OURS)


def test_the_demo_rolls_a_champion_out_while_questions_are_asked(wine: Wine) -> None:
    before = wine.answered("before")
    shown = wine.compose.run("run", "--rm", "demo")
    after = wine.answered("after")
    assert (before.revision, after.revision) == (1, 2)
    assert f"{SECOND} took over: True" in shown.stdout
    assert said(wine.ask(name=before.id)) == said(before)


def test_the_champion_runs_in_a_container_that_the_operator_made_and_is_scraped(wine: Wine) -> None:
    container = wine.compose.deployed()[DEPLOYMENT]
    canary = wine.compose.containers()["canary"]
    assert confined(container) == confined(canary)
    assert set(container.attrs["NetworkSettings"]["Networks"]) == {f"{PROJECT}_default"}
    up = f'up{{deployment="{DEPLOYMENT}"}}'
    wait_until(lambda: list(wine.query(up).values()) == [1.0], PATIENCE_S, "it is scraped", every_s=0.5)


def test_the_champion_is_killed_by_hand_and_comes_back(wine: Wine) -> None:
    before = wine.answered("before-hand")
    killed = wine.compose.deployed()[DEPLOYMENT]
    killed.kill()
    assert wine.ask().route == "wine"
    wine.wait_answered()

    def back() -> bool:
        wine.ask()
        there = wine.compose.deployed().get(DEPLOYMENT)
        return there is not None and there.id != killed.id and wine.ask().model == SECOND

    wait_until(back, PATIENCE_S, f"{SECOND} answers again", every_s=0.5)
    assert said(wine.ask(name=before.id)) == said(before)


def test_an_operator_that_crashes_finds_its_container_again(wine: Wine) -> None:
    before = wine.compose.deployed()[DEPLOYMENT]
    wine.compose.crash("operator")
    wine.compose.wait_healthy("operator")
    wait_until(lambda: wine.deployment_state() == READY, PATIENCE_S, "the operator sees it", every_s=0.5)
    after = wine.compose.deployed()[DEPLOYMENT]
    assert (after.id, after.attrs["State"]["StartedAt"]) == (before.id, before.attrs["State"]["StartedAt"])


@pytest.mark.parametrize("service", STAYING)
def test_what_crashes_comes_back_and_nobody_is_left_without_an_answer(wine: Wine, service: str) -> None:
    before = wine.answered(f"before-{service}")
    wine.compose.crash(service)
    if service != "gateway":
        assert wine.ask().route == "wine"
    assert wine.wait_answered().revision == before.revision
    assert said(wine.ask(name=before.id)) == said(before)


def test_all_are_healthy_again_and_seen_to_be(wine: Wine) -> None:
    for service in STAYING:
        wine.compose.wait_healthy(service)
    wait_until(lambda: set(wine.query("up").values()) == {1.0}, PATIENCE_S, "all are scraped", every_s=0.5)


def test_what_was_asked_is_archived_on_a_volume_that_outlives_the_container(wine: Wine) -> None:
    look = "from pathlib import Path; print(len([*Path('/var/lib/rendezvous/archive').rglob('*.parquet')]))"
    decoy = wine.compose.containers()["decoy"]
    files = wait_until(lambda: int(decoy.exec_run(["python", "-c", look]).output), PATIENCE_S, "an archive")
    volumes = {each["Destination"]: each["Type"] for each in decoy.attrs["Mounts"]}
    assert (files > 0, volumes["/var/lib/rendezvous/archive"]) == (True, "volume")


def test_what_somebody_killed_stays_down_until_it_is_brought_up_and_changes_nothing(wine: Wine) -> None:
    before = wine.answered("before-kill")
    wine.compose.run("kill", "rendezvous")
    assert wine.ask().source == "gateway"
    wine.compose.up(STAYING)
    assert wine.wait_answered().revision == before.revision
    assert said(wine.ask(name=before.id)) == said(before)


def test_every_container_stops_in_order_before_docker_loses_patience(wine: Wine) -> None:
    wine.compose.run("stop", *OURS)
    assert wine.compose.deployed() == {}, "the operator did not take its containers along"
    assert {name: wine.compose.state(name)["ExitCode"] for name in OURS} == dict.fromkeys(OURS, 0)


def test_nothing_is_left_when_it_is_down(wine: Wine) -> None:
    wine.compose.down()
    assert wine.compose.left() == []

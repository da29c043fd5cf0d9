"""The wine example by Helm on a real cluster: asked, rolled out, upgraded, gone. Tests run in their order."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.support.cluster import CHART, REGISTRY, VERSION, Cluster, why_no_cluster
from tests.support.polling import wait_until

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(1_800)]

NAMESPACE: Final = "rendezvous-test"
RELEASE: Final = "wine"
NAME: Final = "wine-rendezvous"
CLI: Final = f"deploy/{NAME}-cli"
FIRST, SECOND = "wine-forest@1", "wine-forest@2"
# The machine may have much else to do.
WAIT: Final = ("--wait", "--timeout", "10m")
PATIENCE_S: Final = 180.0
OTHERS: Final = "cli, kafka, setup, routes, test"
ASKER: Final = "asker"
# Asks over a connection of its own each time, and never twice, until it is told to stop.
ASKING: Final = """
import collections, json, pathlib, sys, time, urllib.request
url, body, stop = sys.argv[1], sys.argv[2].encode(), pathlib.Path("/tmp/stop")
stop.unlink(missing_ok=True)
told, unanswered = collections.Counter(), []
while not stop.exists():
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as response:
            answer = json.load(response)
        told[f"{answer['source']} {answer['model'] or ''}".strip()] += 1
    except Exception as error:
        unanswered.append(repr(error))
    time.sleep(0.05)
print(json.dumps({"told": told, "unanswered": unanswered}))
"""
POD: Final[dict[str, Any]] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": ASKER},
    "spec": {
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": ASKER,
                "image": f"{REGISTRY}/rendezvous/wine:{VERSION}".lstrip("/"),
                "command": ["sleep", "infinity"],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    },
}


@dataclass
class Asked:
    """What became of questions: *told* by source and model, and *unanswered*."""

    told: dict[str, int] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)


@dataclass
class Wine:
    """The release, and a pod beside it that asks."""

    cluster: Cluster

    def helm(self, verb: str, *more: str) -> str:
        """Return what helm says to *verb* on the chart with the values of the example."""
        images = ["--set", f"image.tag={VERSION}", "--set", f"global.imageRegistry={REGISTRY}"]
        values = ["--values", str(CHART / "ci" / "wine-values.yaml"), *images]
        return self.cluster.helm(verb, RELEASE, str(CHART), *values, *more, *WAIT)

    def ask(self) -> dict[str, Any]:
        """Return the answer to a question, asked of the gateway by its Service."""
        program = (
            "import sys, urllib.request as u;"
            "print(u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode(), "
            "{'Content-Type': 'application/json'}), timeout=10).read().decode())"
        )
        said = self.cluster.execute(f"pod/{ASKER}", "python", "-c", program, self.url, self.question)
        answer: dict[str, Any] = json.loads(said)
        return answer

    def answered_by(self, model: str) -> dict[str, Any]:
        """Ask until *model* answers; return that answer."""

        def look() -> dict[str, Any] | None:
            answer = self.ask()
            return answer if answer["model"] == model else None

        answer = wait_until(look, PATIENCE_S, f"{model} answers", every_s=0.5)
        assert answer is not None
        return answer

    @contextmanager
    def asked(self) -> Iterator[Asked]:
        """Ask all the time; what became of it is there at the end."""
        asked = Asked()
        asking = self.cluster.started(f"pod/{ASKER}", "python", "-c", ASKING, self.url, self.question)
        try:
            yield asked
        finally:
            self.cluster.execute(f"pod/{ASKER}", "touch", "/tmp/stop")  # noqa: S108 - in the pod
            out, err = asking.communicate(timeout=60)
        assert asking.returncode == 0, err
        said = json.loads(out)
        asked.told, asked.unanswered = said["told"], said["unanswered"]

    def rendezvous(self, *arguments: str, stdin: str = "") -> str:
        """Return what the command line says in its pod."""
        return self.cluster.execute(CLI, "rendezvous", *arguments, stdin=stdin)

    def rollout(self) -> dict[str, Any]:
        """Return how far the roll-out of the route is."""
        (row,) = json.loads(self.rendezvous("get", "rollouts", "wine", "--output", "json"))
        found: dict[str, Any] = row
        return found

    def deployment(self, name: str) -> dict[str, Any]:
        """Return how far the operator says a deployment is."""
        rows = json.loads(self.rendezvous("get", "deployments", "--output", "json"))
        found: dict[str, Any] = next(each for each in rows if each["deployment"] == name)
        return found

    def wait_deployment(self, name: str, state: str) -> dict[str, Any]:
        """Return what the operator says of a deployment once that is *state*."""

        def look() -> dict[str, Any] | None:
            said = self.deployment(name)
            return said if said["state"] == state else None

        said = wait_until(look, PATIENCE_S, f"{name} is {state}", every_s=1)
        assert said is not None
        return said

    def pods(self, name: str) -> dict[str, bool]:
        """Return whether each pod of an operator's deployment is ready, by its id."""
        found = self.cluster.get("pods", f"org.rendezvous/deployment={name}")
        return {
            pod["metadata"]["uid"]: any(
                each["type"] == "Ready" and each["status"] == "True"
                for each in pod["status"].get("conditions", ())
            )
            for pod in found
        }

    def services(self) -> dict[str, str]:
        """Return the log level of each pod of the services that is to stay, by its name."""
        chosen = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component notin ({OTHERS})"
        return {
            pod["metadata"]["name"]: each["value"]
            for pod in self.cluster.get("pods", chosen)
            for each in pod["spec"]["containers"][0]["env"]
            if each["name"] == "RENDEZVOUS_LOG_LEVEL" and "deletionTimestamp" not in pod["metadata"]
        }

    @property
    def url(self) -> str:
        return f"http://{NAME}-gateway/v1/routes/wine/ask"

    @property
    def question(self) -> str:
        values = json.loads(self.cluster.helm("get", "values", RELEASE, "--all", "--output", "json"))
        return json.dumps({"fields": values["test"]["fields"]})


@pytest.fixture(scope="module")
def wine() -> Iterator[Wine]:
    """The example, installed and ready."""
    if why := why_no_cluster():
        pytest.skip(why)
    with Cluster(NAMESPACE) as cluster:
        wine = Wine(cluster)
        cluster.kubectl("apply", "--filename", "-", stdin=json.dumps(POD))
        wine.helm("install")
        cluster.kubectl("wait", "--for=condition=Ready", f"pod/{ASKER}", "--timeout=120s")
        yield wine


def test_every_pod_is_ready_in_a_namespace_that_lets_only_restricted_ones_in(wine: Wine) -> None:
    found = wine.cluster.get("deployments", f"app.kubernetes.io/instance={RELEASE}")
    ready = {each["metadata"]["name"]: each["status"].get("readyReplicas", 0) for each in found}
    wanted = {each["metadata"]["name"]: each["spec"]["replicas"] for each in found}
    assert ready == wanted
    assert len(ready) == 10


def test_a_question_is_answered_through_the_service_of_the_gateway(wine: Wine) -> None:
    answer = wine.answered_by(FIRST)
    assert (answer["source"], answer["revision"]) == ("model", 1)
    assert 0 < answer["outputs"]["quality"] < 10


def test_helm_test_passes(wine: Wine) -> None:
    assert "Phase:          Succeeded" in wine.cluster.helm("test", RELEASE, "--timeout", "5m")


def test_a_champion_is_rolled_out_by_control_message(wine: Wine) -> None:
    with wine.asked() as asked:
        said = wine.rendezvous("apply", "--filename", "/opt/wine/trained/champion.yaml", "--timeout", "60s")
        after = wine.answered_by(SECOND)
    assert "updated" in said
    assert after["revision"] == 2
    assert asked.unanswered == []


def test_an_upgrade_leaves_no_question_unanswered_and_what_was_rolled_out_as_it_is(wine: Wine) -> None:
    before = wine.services()
    with wine.asked() as asked:
        wine.helm("upgrade", "--set", "defaults.logLevel=WARNING")
        after = wine.answered_by(SECOND)
    assert asked.unanswered == []
    assert sum(asked.told.values()) > 0
    assert wine.services().keys().isdisjoint(before)
    assert after["revision"] == 2


def test_a_rollback_leaves_no_question_unanswered(wine: Wine) -> None:
    with wine.asked() as asked:
        wine.cluster.helm("rollback", RELEASE, "1", *WAIT)
        after = wine.answered_by(SECOND)
    assert asked.unanswered == []
    assert set(wine.services().values()) == {"INFO"}
    assert after["revision"] == 2


def test_a_route_that_the_values_change_is_published(wine: Wine) -> None:
    wine.helm("upgrade", "--set", "routes.wine.description=as the values say")
    assert wine.answered_by(FIRST)["revision"] == 3
    assert wine.rendezvous("history", "wine").count("values ") == 2


def test_the_operator_takes_a_roll_out_through_its_gates_and_no_question_goes_unanswered(wine: Wine) -> None:
    gates = ("--gate", "error_rate<0.2", "--gate", "mean_abs_delta(canary)<2")
    with wine.asked() as asked:
        wine.rendezvous("rollout", "wine", "--to", SECOND, "--steps", "10%,100%", "--every", "10s", *gates)
        wait_until(lambda: wine.rollout()["outcome"] != "running", PATIENCE_S, "it has ended", every_s=1)
        after = wine.answered_by(SECOND)
    said = wine.rollout()
    assert (said["outcome"], said["by"], said["step"]) == ("done", "operator", "2 of 2"), said
    assert after["revision"] == said["revision"] > 3
    assert asked.unanswered == []


def test_the_operator_runs_a_model_by_control_message_and_it_comes_back_when_it_is_killed(wine: Wine) -> None:
    asked = {"deployment": "forest", "model": SECOND, "replicas": 1, "options": {"memory": "512m"}}
    wine.rendezvous("apply", "--filename", "-", stdin=json.dumps(asked))
    wine.wait_deployment("forest", "ready")
    (deployment,) = wine.cluster.get("deployments", "org.rendezvous/deployment=forest")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["memory"] == "512Mi"
    assert deployment["metadata"]["ownerReferences"][0]["name"] == f"{NAME}-operator"

    (killed,) = wine.pods("forest")
    wine.cluster.kubectl("delete", "pod", "--selector", "org.rendezvous/deployment=forest", "--now")

    def back() -> bool:
        pods = wine.pods("forest")
        return killed not in pods and any(pods.values())

    wait_until(back, PATIENCE_S, "another pod is ready", every_s=0.5)
    wine.wait_deployment("forest", "ready")


def test_an_operator_that_comes_back_adopts_what_runs(wine: Wine) -> None:
    before = wine.pods("forest")
    wine.cluster.kubectl("rollout", "restart", f"deploy/{NAME}-operator")
    wine.cluster.kubectl("rollout", "status", f"deploy/{NAME}-operator", "--timeout=180s")
    wine.rendezvous("scale", "forest", "2")
    said = wine.wait_deployment("forest", "ready")
    assert said["ready"] == "2 of 2"
    assert before.keys() < wine.pods("forest").keys()


def test_a_container_that_crashes_again_and_again_is_shown_as_failed_with_its_last_words(wine: Wine) -> None:
    # An image that holds no model container: what it runs instead cannot write where it wants to.
    image = f"{REGISTRY}/rendezvous/wine:{VERSION}".lstrip("/")
    asked = {"deployment": "broken", "model": SECOND, "image": image}
    wine.rendezvous("apply", "--filename", "-", "--no-wait", stdin=json.dumps(asked))
    said = wine.wait_deployment("broken", "failed")
    assert "exit code 1" in said["why"]
    assert "Read-only file system" in said["why"]


def test_what_is_undeployed_ends(wine: Wine) -> None:
    for name in ("broken", "forest"):
        wine.rendezvous("undeploy", name)
    wait_until(
        lambda: not wine.pods("broken") | wine.pods("forest"), PATIENCE_S, "no pod is left", every_s=0.5
    )

    def none() -> bool:
        return not wine.cluster.get("deployments", "app.kubernetes.io/managed-by=rendezvous-operator")

    wait_until(none, PATIENCE_S, "no Deployment of the operator is left", every_s=0.5)


def test_nothing_is_left_when_it_is_uninstalled(wine: Wine) -> None:
    asked = {"deployment": "left", "model": SECOND}
    wine.rendezvous("apply", "--filename", "-", "--no-wait", stdin=json.dumps(asked))
    wait_until(lambda: wine.pods("left"), PATIENCE_S, "the operator has started it", every_s=0.5)
    began = time.monotonic()
    wine.cluster.helm("uninstall", RELEASE, *WAIT)
    wait_until(
        lambda: wine.cluster.left() == {f"pod/{ASKER}"},
        PATIENCE_S,
        "only who asked is left",
        every_s=1,
    )
    assert time.monotonic() - began < PATIENCE_S

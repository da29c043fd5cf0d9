"""Deployments of a cluster, as the operator writes and reads them."""

from typing import Any

import pytest
from rendezvous_operator.goals import Wanted
from rendezvous_operator.kubernetes_objects import (
    BUILD,
    DEPLOYMENT,
    INDEX,
    MANAGED_BY,
    OWNER,
    Crash,
    crashes,
    found,
    instance_name,
    manifest,
    object_name,
    owner_reference,
    quantity,
)
from rendezvous_operator.seen import Found, Phase, look

Json = dict[str, Any]

POD: Json = {
    "metadata": {"labels": {"app.kubernetes.io/instance": "wine", MANAGED_BY: "Helm"}},
    "spec": {
        "terminationGracePeriodSeconds": 20,
        "containers": [
            {
                "name": "model-container",
                "image": "none",
                "env": [
                    {"name": "RENDEZVOUS_JVM_HEAP_MB", "value": "192"},
                    {"name": "RENDEZVOUS_SASL_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "kafka"}}},
                ],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"memory": "640Mi"},
                },
            }
        ],
    },
}
WANTED = Wanted("forest", "0a1b2c3d", 1, ("wine-forest@2",), ("pmml",), options={"jvm_heap_mb": "64"})
NAMED = {OWNER: "wine", DEPLOYMENT: "forest", BUILD: "0a1b2c3d", INDEX: "1"}
AT = "2026-11-21T12:00:00Z"
AT_US = 1_795_262_400_000_000


def made(wanted: Wanted = WANTED) -> Json:
    return manifest(wanted, POD, owner="wine", image="rendezvous/model:1", stop_s=30, owned_by=[])


def deployment(*conditions: Json, **changes: object) -> Json:
    metadata = {"name": "wine-forest-0a1b2c3d-1", "labels": NAMED, "creationTimestamp": AT}
    thing: Json = {"metadata": metadata, "spec": {"replicas": 1}, "status": {"conditions": list(conditions)}}
    metadata.update(changes.pop("metadata", {}))  # type: ignore[call-overload]  # a dict, by its name
    return {**thing, **changes}


def pod(*, labels: Json | None = None, conditions: tuple[Json, ...] = (), **container: object) -> Json:
    status = {"conditions": list(conditions), "containerStatuses": [{"name": "scores", **container}]}
    return {"metadata": {"name": "p", "labels": NAMED if labels is None else labels}, "status": status}


def ended(*, after_s: int, **more: object) -> Json:
    return {"startedAt": AT, "finishedAt": f"2026-11-21T12:{after_s // 60:02}:{after_s % 60:02}Z", **more}


def test_a_deployment_runs_the_model_that_is_wanted_in_the_pod_of_the_template() -> None:
    container = made()["spec"]["template"]["spec"]["containers"][0]
    told = {each["name"]: each.get("value", "secret") for each in container["env"]}
    assert container["image"] == "rendezvous/model:1"
    assert told["RENDEZVOUS_MODEL"] == "wine-forest@2"
    assert told["RENDEZVOUS_INSTANCE"] == WANTED.name
    assert told["RENDEZVOUS_SASL_PASSWORD"] == "secret"  # noqa: S105 - the word
    assert [each["name"] for each in container["env"]].count("RENDEZVOUS_JVM_HEAP_MB") == 1
    assert told["RENDEZVOUS_JVM_HEAP_MB"] == "64"


def test_a_deployment_is_of_one_pod_that_is_never_there_twice_and_has_time_to_end() -> None:
    spec = made()["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 30


def test_what_is_made_is_found_again() -> None:
    thing = made()
    thing["metadata"]["creationTimestamp"] = AT
    assert thing["spec"]["selector"]["matchLabels"].items() <= thing["metadata"]["labels"].items()
    assert thing["metadata"]["labels"][MANAGED_BY] == "rendezvous-operator"
    assert found([thing], [], "wine") == [
        Found(WANTED.name, "forest", "0a1b2c3d", Phase.RUNNING, started_us=AT_US)
    ]


def test_the_template_stays_as_it_was() -> None:
    made()
    assert POD["spec"]["containers"][0]["image"] == "none"
    assert POD["metadata"]["labels"][MANAGED_BY] == "Helm"


@pytest.mark.parametrize(
    ("options", "requests", "limits"),
    [
        ({}, {"cpu": "100m", "memory": "256Mi"}, {"memory": "640Mi"}),
        ({"memory": "1g"}, {"cpu": "100m", "memory": "1Gi"}, {"memory": "1Gi"}),
        ({"cpus": "0.5"}, {"cpu": "0.5", "memory": "256Mi"}, {"cpu": "0.5", "memory": "640Mi"}),
    ],
)
def test_a_deployment_has_the_limits_that_it_asks_for(
    options: dict[str, str], requests: Json, limits: Json
) -> None:
    thing = made(Wanted("forest", "0a1b2c3d", 1, ("a@1",), ("pmml",), options=options))
    container = thing["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == {"requests": requests, "limits": limits}


@pytest.mark.parametrize(
    ("docker", "kubernetes"), [("640m", "640Mi"), ("2g", "2Gi"), ("64k", "64Ki"), ("100b", "100"), ("7", "7")]
)
def test_memory_is_written_in_the_units_of_kubernetes(docker: str, kubernetes: str) -> None:
    assert quantity(docker) == kubernetes


@pytest.mark.parametrize("instance", ["forest.0a1b2c3d.1", "wine-forest-2.0a1b2c3d.12"])
def test_a_name_leads_back_to_its_instance(instance: str) -> None:
    assert instance_name("a-b", object_name("a-b", instance)) == instance


def test_what_models_go_with_is_named_by_its_id() -> None:
    owner = {"metadata": {"name": "operator", "uid": "u-1"}}
    assert owner_reference(owner) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "operator",
        "uid": "u-1",
    }


@pytest.mark.parametrize(
    ("thing", "pods", "phase"),
    [
        (deployment(), [], Phase.RUNNING),
        (deployment(metadata={"deletionTimestamp": AT}), [pod()], Phase.STOPPING),
        (deployment(spec={"replicas": 0}), [pod()], Phase.STOPPING),
        (deployment(spec={"replicas": 0}), [], Phase.EXITED),
    ],
)
def test_a_deployment_that_is_deleted_or_scaled_down_has_ended_once_its_pod_has(
    thing: Json, pods: list[Json], phase: Phase
) -> None:
    assert [each.phase for each in found([thing], pods, "wine")] == [phase]


def test_another_s_deployment_is_only_in_the_way() -> None:
    thing = deployment(metadata={"labels": {OWNER: "other"}})
    assert found([thing], [], "wine") == [Found("forest.0a1b2c3d.1", "", "", Phase.RUNNING, ours=False)]


CRASHED: Json = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3}


@pytest.mark.parametrize(
    ("things", "says", "failed"),
    [
        (deployment(), "", False),
        (
            deployment({"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity"}),
            "the cluster refuses its pod: violates PodSecurity",
            True,
        ),
        (pod(state={"running": {"startedAt": AT}}, restartCount=9), "", False),
        (pod(state={"waiting": {"reason": "ContainerCreating"}}), "", False),
        (
            pod(state={"waiting": {"reason": "ErrImagePull", "message": "no such image"}}),
            "ErrImagePull: no such image",
            True,
        ),
        (
            pod(conditions=({"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"},)),
            "no node takes it: Insufficient cpu",
            False,
        ),
        (
            pod(**CRASHED, lastState={"terminated": ended(after_s=5, exitCode=1)}),
            "it has ended 3 times, with exit code 1",
            True,
        ),
        (
            pod(**CRASHED, lastState={"terminated": ended(after_s=5, exitCode=137, reason="OOMKilled")}),
            "it has ended 3 times: it needs more memory than it may have",
            True,
        ),
        (pod(**CRASHED | {"restartCount": 2}, lastState={"terminated": ended(after_s=5)}), "", False),
        (pod(**CRASHED, lastState={"terminated": ended(after_s=70)}), "", False),
    ],
)
def test_what_does_not_run_says_why_and_whether_it_has_failed(things: Json, says: str, failed: bool) -> None:
    thing, pods = (things, []) if "spec" in things else (deployment(), [things])
    seen = look(found([thing], pods, "wine"), {}, AT_US)["forest.0a1b2c3d.1"]
    assert (seen.detail, seen.failed) == (says or "it has not said anything yet", failed)


def test_a_crash_is_told_from_those_of_others() -> None:
    terminated = {"terminated": ended(after_s=1, exitCode=1)}
    mine = pod(**CRASHED, lastState=terminated)
    other = pod(labels={OWNER: "other"}, **CRASHED, lastState=terminated)
    assert crashes([mine, other], "wine") == [Crash("forest.0a1b2c3d.1", "p", "scores", 3)]


@pytest.mark.parametrize(
    ("container", "since"),
    [
        ({"state": {"running": {"startedAt": "2026-11-21T12:00:07Z"}}}, 7),
        ({"state": {"waiting": {}}, "lastState": {"terminated": ended(after_s=9)}}, 9),
        ({"state": {"waiting": {}}}, 0),
    ],
)
def test_what_was_said_before_a_container_began_or_ended_does_not_count(container: Json, since: int) -> None:
    (seen,) = found([deployment()], [pod(**container)], "wine")
    assert seen.started_us == AT_US + since * 1_000_000

"""Deployments of a cluster, as the operator writes and reads them: pure, from and to their JSON."""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from rendezvous_operator.courses import FAILED_AFTER, STEADY_US
from rendezvous_operator.goals import Wanted
from rendezvous_operator.seen import Found, Phase

Json = dict[str, Any]

OWNER: Final = "org.rendezvous/owner"
DEPLOYMENT: Final = "org.rendezvous/deployment"
BUILD: Final = "org.rendezvous/build"
INDEX: Final = "org.rendezvous/index"

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
OPERATOR: Final = "rendezvous-operator"
# What waiting alone does not mend.
_BROKEN: Final = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
_UNITS: Final = {"": "", "b": "", "k": "Ki", "m": "Mi", "g": "Gi"}
_MEMORY: Final = re.compile(r"(\d+)([bkmg]?)")
_MESSAGE: Final = 400


class Crash(NamedTuple):
    """A container that has ended and waits to be started again: where its last words are."""

    instance: str
    pod: str
    container: str
    restarts: int


def object_name(owner: str, instance: str) -> str:
    """Return what the Deployment of *instance* is called: a DNS label, or longer."""
    return f"{_dashed(owner)}-{instance.replace('.', '-')}"


def instance_name(owner: str, name: str) -> str:
    """Return the instance whose Deployment is called *name*: the builds and indexes have no hyphen."""
    return ".".join(name.removeprefix(f"{_dashed(owner)}-").rsplit("-", 2))


def _dashed(owner: str) -> str:
    """Return *owner* as names of the cluster may have it."""
    return owner.replace("_", "-")


def quantity(memory: str) -> str:
    """Return *memory* as written for Docker, in Kubernetes' words: there, m is a thousandth."""
    found = _MEMORY.fullmatch(memory)
    return f"{found[1]}{_UNITS[found[2]]}" if found else memory


def manifest(
    wanted: Wanted, pod: Json, *, owner: str, image: str, stop_s: int, owned_by: Sequence[Json]
) -> Json:
    """
    Return the Deployment of *wanted*, of one pod.

    *pod* is the template of all: its first container gets the image, the model and the limits. *owned_by*:
    references to what it goes with.
    """
    selector = {
        OWNER: owner,
        DEPLOYMENT: wanted.deployment,
        BUILD: wanted.build,
        INDEX: str(wanted.index),
    }
    labels = {**pod.get("metadata", {}).get("labels", {}), **selector, MANAGED_BY: OPERATOR}
    template = copy.deepcopy(pod)
    template.setdefault("metadata", {})["labels"] = labels
    spec = template["spec"]
    spec["terminationGracePeriodSeconds"] = stop_s
    container = spec["containers"][0]
    container["image"] = image
    container["env"] = _environment(container.get("env", ()), wanted.environment)
    container["resources"] = _resources(container.get("resources", {}), wanted.options)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": object_name(owner, wanted.name),
            "labels": labels,
            "annotations": {"org.rendezvous/models": ",".join(wanted.models)},
            "ownerReferences": list(owned_by),
        },
        "spec": {
            "replicas": 1,
            # Two of one name would both say on `status` how it is.
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": selector},
            "template": template,
        },
    }


def owner_reference(deployment: Json) -> Json:
    """Return the reference by which something goes when *deployment* does."""
    metadata = deployment["metadata"]
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]}


def _environment(template: Iterable[Json], told: Mapping[str, str]) -> list[Json]:
    kept = [each for each in template if each["name"] not in told]
    return kept + [{"name": name, "value": value} for name, value in told.items()]


def _resources(template: Json, options: Mapping[str, str]) -> Json:
    asked = {}
    if "memory" in options:
        asked["memory"] = quantity(options["memory"])
    if "cpus" in options:
        asked["cpu"] = options["cpus"]
    return {
        **template,
        **{kind: {**template.get(kind, {}), **asked} for kind in ("requests", "limits")},
    }


def found(deployments: Iterable[Json], pods: Iterable[Json], owner: str) -> list[Found]:
    """Return the containers that *deployments* and their *pods* are; those of others may be in the way."""
    by_instance: dict[tuple[str, ...], list[Json]] = {}
    for pod in pods:
        by_instance.setdefault(_key(pod), []).append(pod)
    return [_found(each, by_instance.get(_key(each), []), owner) for each in deployments]


def crashes(pods: Iterable[Json], owner: str) -> list[Crash]:
    """Return the containers that have ended too often, and are down."""
    return [
        Crash(_instance(pod), pod["metadata"]["name"], status["name"], status["restartCount"])
        for pod in pods
        if _labels(pod).get(OWNER) == owner
        for status in pod.get("status", {}).get("containerStatuses", ())
        if _crashes(status)
    ]


def _found(deployment: Json, pods: Sequence[Json], owner: str) -> Found:
    metadata, labels = deployment["metadata"], _labels(deployment)
    if labels.get(OWNER) != owner:
        return Found(instance_name(owner, metadata["name"]), "", "", Phase.RUNNING, ours=False)
    trouble, failed = _trouble(deployment, pods)
    phase, ending = Phase.RUNNING, ""
    if "deletionTimestamp" in metadata:
        phase = Phase.STOPPING
    elif deployment["spec"].get("replicas") == 0:
        phase, ending = (Phase.STOPPING, "") if pods else (Phase.EXITED, "it was scaled to 0 by hand")
    return Found(
        _instance(deployment),
        labels.get(DEPLOYMENT, ""),
        labels.get(BUILD, ""),
        phase,
        started_us=max([_stamp(metadata.get("creationTimestamp", "")), *map(_since, pods)]),
        ending=ending,
        trouble=trouble,
        failed=failed,
    )


def _trouble(deployment: Json, pods: Sequence[Json]) -> tuple[str, bool]:
    """Return why it does not run, and whether that will not pass by waiting."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"the cluster refuses its pod: {condition.get('message', '')[:_MESSAGE]}", True
    for pod in pods:
        status = pod.get("status", {})
        for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
            waiting = container.get("state", {}).get("waiting", {})
            if waiting.get("reason") in _BROKEN:
                return f"{waiting['reason']}: {waiting.get('message', '')[:_MESSAGE]}", True
            if _crashes(container):
                return _ending(container), True
        for condition in status.get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f"no node takes it: {condition.get('message', '')[:_MESSAGE]}", False
    return "", False


def _crashes(status: Json) -> bool:
    """Return whether a container is down, has ended often, and did not run for long."""
    last = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated")
    if last is None or "running" in status.get("state", {}):
        return False
    ran = _stamp(last.get("finishedAt", "")) - _stamp(last.get("startedAt", ""))
    return bool(status.get("restartCount", 0) >= FAILED_AFTER and ran < STEADY_US)


def _ending(status: Json) -> str:
    last = status.get("state", {}).get("terminated") or status["lastState"]["terminated"]
    times = f"it has ended {status['restartCount']} times"
    if last.get("reason") == "OOMKilled":
        return f"{times}: it needs more memory than it may have"
    return f"{times}, with exit code {last.get('exitCode', 0)}"


def _since(pod: Json) -> int:
    """Return when its containers began, or when they ended: what was said before says nothing of now."""
    stamps = [0]
    for status in pod.get("status", {}).get("containerStatuses", ()):
        running = status.get("state", {}).get("running")
        ended = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated")
        if running:
            stamps.append(_stamp(running.get("startedAt") or ""))
        elif ended:
            stamps.append(_stamp(ended.get("finishedAt") or ""))
    return max(stamps)


def _instance(thing: Json) -> str:
    return ".".join(_key(thing)[1:])


def _key(thing: Json) -> tuple[str, ...]:
    labels = _labels(thing)
    return tuple(labels.get(name, "") for name in (OWNER, DEPLOYMENT, BUILD, INDEX))


def _labels(thing: Json) -> Mapping[str, str]:
    labels: Mapping[str, str] = thing["metadata"].get("labels") or {}
    return labels


def _stamp(text: str) -> int:
    """Return microseconds since the epoch of a time of the cluster; 0 for none."""
    return int(datetime.fromisoformat(text).timestamp() * 1e6) if text else 0

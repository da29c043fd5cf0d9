"""The control state and the services as rows: pure, from what was read to what is shown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rendezvous_client.status import Heard
from rendezvous_contracts.durations import format_duration
from rendezvous_contracts.policy import deployment_to_document, model_to_document, route_to_document
from rendezvous_contracts.policy_fields import write_values
from rendezvous_contracts.routes import describe_tier, scoring_models
from rendezvous_control.state import ModelEntry, Revision, Stamp, State
from scoring.v1.control_pb2 import Model
from scoring.v1.status_pb2 import DeploymentState, DeploymentStatus, ModelState, ModelStatus

from rendezvous_cli.entries import describe_deployment
from rendezvous_cli.moments import format_time

Row = dict[str, object]

MODEL_COLUMNS = ("model", "type", "quality", "bytes", "state", "approved", "routes", "author", "at")
ROUTE_COLUMNS = ("route", "revision", "sla", "rules", "default", "canary", "paused", "author", "at")
DEPLOYMENT_COLUMNS = ("deployment", "generation", "runs", "state", "ready", "why", "author", "at")
REVISION_COLUMNS = ("route", "revision", "current", "rules", "passed", "author", "at", "reason")
SERVICE_COLUMNS = ("instance", "service", "state", "detail", "control", "models", "heard")


def model_rows(state: State, heard: Mapping[str, Heard], *, whole: bool = True) -> list[Row]:
    """
    Return every model, by name@version, with its state in the containers that hold it.

    *whole*: with its document, which takes half of the time.
    """
    held = _held(heard.values())
    users = _users(state)
    return [
        {
            "model": name,
            "type": entry.model.type,
            "quality": entry.model.quality,
            "bytes": entry.model.artifact.size,
            "state": _model_state(entry, held.get(name, [])),
            "approved": [approval.author for approval in entry.approvals],
            "routes": users.get(name, []),
            "description": entry.model.description,
            "sha256": entry.model.artifact.sha256.hex(),
            **({"policy": _policy(entry.model)} if whole else {}),
            **_stamp(entry.removed or entry.stamp),
        }
        for name, entry in sorted(state.models.items())
    ]


def _policy(model: Model) -> object:
    """Return the document of *model*, with its digest in place of bytes that nobody reads."""
    document = model_to_document(model)
    if model.artifact.WhichOneof("source") == "data":
        document["artifact"] = {"sha256": model.artifact.sha256.hex(), "size": model.artifact.size}
    return plain(document)


def _held(heard: Iterable[Heard]) -> dict[str, list[ModelStatus]]:
    held: dict[str, list[ModelStatus]] = {}
    for each in heard:
        for model in each.status.models:
            held.setdefault(model.model, []).append(model)
    return held


def model_status_row(held: ModelStatus) -> Row:
    """Return how a container says that a model of it does; durations in microseconds."""
    usage = held.usage
    return {
        "state": _name(held.state),
        "why": held.reason,
        "since": format_time(held.since_us),
        "scored": usage.count,
        "failed": usage.failed,
        "duration_us": usage.duration_us,
        "min_us": usage.min_us,
        "p50_us": usage.p50_us,
        "p99_us": usage.p99_us,
        "max_us": usage.max_us,
    }


def _model_state(entry: ModelEntry, held: Sequence[ModelStatus]) -> str:
    if entry.removed:
        return "removed"
    if not held:
        return "not loaded"
    counts = Counter(_name(model.state) for model in held)
    return ", ".join(f"{state} x{count}" for state, count in sorted(counts.items()))


def _name(state: int) -> str:
    known = state in ModelState.values()
    return (
        ModelState.Name(ModelState.ValueType(state)).removeprefix("MODEL_STATE_").lower()
        if known
        else "unknown"
    )


def _users(state: State) -> dict[str, list[str]]:
    """Return the routes that use it now, by model."""
    users: dict[str, list[str]] = {}
    for name, entry in sorted(state.routes.items()):
        for model in scoring_models(entry.current.route):
            users.setdefault(model, []).append(name)
    return users


def route_rows(state: State) -> list[Row]:
    """Return every route, by name, as it is now."""
    return [
        _route_row(entry.current) | {"paused": f"by {entry.paused.author}" if entry.paused else ""}
        for _, entry in sorted(state.routes.items())
    ]


def deployment_rows(state: State, heard: Mapping[str, Heard]) -> list[Row]:
    """Return all that is to run, by name, with what the operator that acts last said of it."""
    told = {
        (each.deployment, each.generation): each
        for operator in sorted(heard.values(), key=lambda each: each.at_s)
        for each in operator.status.deployments
    }
    return [
        {
            "deployment": name,
            "generation": entry.generation,
            "runs": describe_deployment(entry.deployment),
            "image": entry.deployment.image,
            **_deployment_state(told.get((name, entry.generation))),
            "policy": deployment_to_document(entry.deployment),
            **_stamp(entry.stamp),
        }
        for name, entry in sorted(state.deployments.items())
        if not entry.removed
    ]


def _deployment_state(said: DeploymentStatus | None) -> Row:
    """Return how a deployment is; of another generation than what is wanted, nothing is known yet."""
    if said is None:
        return {"state": "unknown", "ready": "", "why": "no operator has said anything of it", "restarts": 0}
    known = said.state in DeploymentState.values()
    name = DeploymentState.Name(DeploymentState.ValueType(said.state)) if known else "unknown"
    return {
        "state": name.removeprefix("DEPLOYMENT_STATE_").lower(),
        "ready": f"{said.ready} of {said.wanted}",
        "why": said.reason,
        "restarts": said.restarts,
    }


def _route_row(revision: Revision) -> Row:
    route = revision.route
    return {
        "route": route.name,
        "revision": revision.number,
        "sla": format_duration(route.sla_us),
        "rules": [describe_tier(tier) for tier in route.schedule],
        "default": plain(write_values(route.default)),
        "canary": route.canary,
        "policy": plain(route_to_document(route)),
        **_stamp(revision.stamp),
    }


def revision_rows(state: State, heard: Mapping[str, Heard]) -> list[Row]:
    """Return every revision of every route, newest first, with the partitions that it has passed."""
    rows = []
    for name, entry in sorted(state.routes.items()):
        passed = passed_partitions(name, heard.values())
        rows += [
            _route_row(revision)
            | {
                "current": "yes" if revision is entry.current else "",
                "passed": sorted(
                    partition for partition, number in passed.items() if number >= revision.number
                ),
            }
            for revision in reversed(entry.revisions)
        ]
    return rows


def passed_partitions(route: str, heard: Iterable[Heard]) -> dict[int, int]:
    """Return, by partition, the newest revision of *route* that an input carried, as any service saw it."""
    newest: dict[int, int] = {}
    for each in heard:
        for passed in each.status.passed:
            if passed.route == route:
                newest[passed.partition] = max(passed.revision, newest.get(passed.partition, 0))
    return newest


def service_rows(state: State, heard: Mapping[str, Heard], now_s: float) -> list[Row]:
    """Return every instance that was heard of, by service and name."""
    ordered = sorted(heard.values(), key=lambda each: (each.status.service, each.status.instance))
    return [
        {
            "instance": each.status.instance,
            "service": each.status.service,
            "state": _service_state(each, now_s),
            "detail": each.status.detail,
            "control": _progress(each.status.control_offset, state.next_offset),
            "models": [f"{model.model} {_name(model.state)}" for model in each.status.models],
            "heard": f"{max(0.0, now_s - each.at_s):.0f} s ago",
            "refused": [
                {"offset": refusal.offset, "id": refusal.control_id, "reason": refusal.reason}
                for refusal in each.status.refusals
            ],
        }
        for each in ordered
    ]


def _service_state(heard: Heard, now_s: float) -> str:
    if heard.status.stopping:
        return "stopped"
    if not heard.is_live(now_s):
        return "silent"
    return "ready" if heard.status.ready else "waiting"


def _progress(applied: int, end: int) -> str:
    return f"{applied} of {end}"


def _stamp(stamp: Stamp) -> Row:
    return {
        "author": stamp.author,
        "at": format_time(stamp.at_us),
        "reason": stamp.reason,
        "offset": stamp.offset,
        "id": stamp.control_id,
    }


def plain(value: object) -> object:
    """Return *value* with bytes as text, which JSON has."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value

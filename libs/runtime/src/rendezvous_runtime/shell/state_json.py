"""The control state as JSON: what the web views of every service show of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rendezvous_contracts.gates import format_gate
from rendezvous_contracts.routes import describe_tier, scoring_models
from rendezvous_contracts.shares import format_share
from rendezvous_control.state import DeploymentEntry, ModelEntry, RouteEntry, State
from scoring.v1.control_pb2 import Model
from scoring.v1.status_pb2 import Status

Json = dict[str, Any]


def routes_json(state: State) -> Json:
    """Return the routes as they are now, by name."""
    return {name: route_json(entry) for name, entry in sorted(state.routes.items())}


def route_json(entry: RouteEntry) -> Json:
    """Return the current revision of a route, how many there are, and who holds it, if somebody does."""
    current = entry.current
    return {
        "revision": current.number,
        "revisions": len(entry.revisions),
        "stamp": asdict(current.stamp),
        "paused": asdict(entry.paused) if entry.paused else None,
        "route": plain(current.route),
    }


def model_json(entry: ModelEntry) -> Json:
    """Return a model without its bytes, which may be many."""
    model = Model()
    model.CopyFrom(entry.model)
    model.artifact.ClearField("data")
    return {
        "model": plain(model),
        "stamp": asdict(entry.stamp),
        "removed": asdict(entry.removed) if entry.removed else None,
        "approved": entry.approved,
        "approvals": list(map(asdict, entry.approvals)),
    }


def deployments_json(state: State, status: Status) -> Json:
    """Return what is to run, by name; `here`: what this instance, if it runs it, says of it in *status*."""
    said = {each.deployment: plain(each) for each in status.deployments}
    return {
        name: _deployment(entry) | {"here": said.get(name)}
        for name, entry in sorted(state.deployments.items())
        if not entry.removed
    }


def _deployment(entry: DeploymentEntry) -> Json:
    return {
        "generation": entry.generation,
        "stamp": asdict(entry.stamp),
        "deployment": plain(entry.deployment),
    }


def approvals_json(state: State) -> Json:
    """Return the registered models by who approved them, and which routes wait for an approval."""
    models = {
        name: {
            "approved": entry.approved,
            "approvals": list(map(asdict, entry.approvals)),
            "writers": sorted(entry.writers),
        }
        for name, entry in sorted(state.models.items())
        if not entry.removed
    }
    asking = {
        name: {"unapproved": _unapproved(state, entry)}
        for name, entry in sorted(state.routes.items())
        if entry.current.route.requires_approval
    }
    return {"models": models, "routes_that_ask": asking}


def _unapproved(state: State, entry: RouteEntry) -> list[str]:
    names = scoring_models(entry.current.route)
    return sorted(name for name in names if name in state.models and not state.models[name].approved)


def rollouts_json(state: State, status: Status) -> Json:
    """
    Return the newest roll-out of each route, by route.

    `here`: what this instance says of its step, if it is the operator that drives it.
    """
    said = {(each.route, each.began_offset): plain(each) for each in status.rollouts}
    return {
        name: _rollout(entry)
        | {"here": said.get((name, entry.rollout.stamp.offset)) if entry.rollout else None}
        for name, entry in sorted(state.routes.items())
        if entry.rollout
    }


def _rollout(entry: RouteEntry) -> Json:
    rollout = entry.rollout
    if rollout is None:
        return {}
    plan = rollout.plan
    return {
        "to": plan.to,
        "outcome": str(rollout.outcome),
        "step": rollout.step,
        "share": format_share(plan.steps[rollout.step - 1]) if rollout.step else "shadow",
        "steps": [format_share(share) for share in plan.steps],
        "gates": [format_gate(gate) for gate in plan.gates],
        "every_us": plan.every_us,
        "base": rollout.base,
        "revision": entry.current.number,
        "detail": rollout.detail,
        "stamp": asdict(rollout.stamp),
        "paused": asdict(entry.paused) if entry.paused else None,
    }


def schedules_json(state: State, status: Status) -> Json:
    """
    Return how each route decides, by route: its rules, and since when; `here`: what they did in this process.

    Times are microseconds; `timeout_us` is the route's SLA.
    """
    said = {each.route: [plain(tier) for tier in each.tiers] for each in status.schedules}
    return {
        name: {
            "decider": list(map(describe_tier, entry.current.route.schedule)),
            "timeout_us": entry.current.route.sla_us,
            "since_us": entry.current.stamp.at_us,
            "revision": entry.current.number,
            "here": _schedule(said[name]) if name in said else None,
        }
        for name, entry in sorted(state.routes.items())
    }


def _schedule(tiers: list[Json]) -> Json:
    return {
        "since_us": min((int(tier["since_us"]) for tier in tiers), default=0),
        "usage": sum(int(tier["count"]) for tier in tiers),
        "duration_us": sum(int(tier["duration_us"]) for tier in tiers),
        "min_us": min((tier["min_us"] for tier in tiers), default=0),
        "max_us": max((tier["max_us"] for tier in tiers), default=0),
        "tiers": tiers,
    }


def of_data_type(models: Mapping[str, ModelEntry], data_type: str | None) -> Iterable[tuple[str, ModelEntry]]:
    """Return the models that are for records of *data_type*, by name; None: all."""
    return sorted(
        (name, entry)
        for name, entry in models.items()
        if data_type is None or entry.model.data_type == data_type
    )


def plain(message: Message) -> Json:
    """Return *message* as JSON has it, with what is not set."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)

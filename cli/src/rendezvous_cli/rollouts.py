"""Roll-outs as rows: pure."""

import math
from collections.abc import Mapping

from rendezvous_client.status import Heard
from rendezvous_contracts.gates import format_gate
from rendezvous_contracts.shares import format_share
from rendezvous_control.judging import verdict_name
from rendezvous_control.state import RolloutEntry, RouteEntry, State
from scoring.v1.status_pb2 import GateStatus, RolloutStatus

from rendezvous_cli.moments import format_time

ROLLOUT_COLUMNS = ("route", "revision", "to", "outcome", "step", "share", "paused", "now", "detail", "since")

Row = dict[str, object]


def rollout_rows(state: State, heard: Mapping[str, Heard]) -> list[Row]:
    """Return the newest roll-out of each route that has had one, by route."""
    return [rollout_row(entry, heard) for _, entry in sorted(state.routes.items()) if entry.rollout]


def rollout_row(entry: RouteEntry, heard: Mapping[str, Heard] | None = None) -> Row:
    """Return how far the newest roll-out of a route is, with what the operator says of its step."""
    rollout = entry.rollout
    row: Row = {
        "route": entry.name,
        "revision": entry.current.number,
        "paused": f"by {entry.paused.author}: {entry.paused.reason}" if entry.paused else "",
    }
    if rollout is None:
        none = dict.fromkeys(("to", "step", "share", "now", "detail", "since"), "")
        return row | none | {"outcome": "none"}
    plan = rollout.plan
    return row | {
        "to": plan.to,
        "outcome": str(rollout.outcome),
        "step": f"{rollout.step} of {len(plan.steps)}",
        "share": format_share(plan.steps[rollout.step - 1]) if rollout.step else "shadow",
        "now": "",
        **(_step(told(rollout, entry.name, heard)) if entry.rolling and heard is not None else {}),
        "detail": rollout.detail,
        "since": format_time(rollout.stamp.at_us),
        "reason": rollout.stamp.reason,
        "steps": [format_share(share) for share in plan.steps],
        "gates": [format_gate(gate) for gate in plan.gates],
        "every_us": plan.every_us,
        "base": rollout.base,
        "by": rollout.stamp.author,
    }


def told(rollout: RolloutEntry, route: str, heard: Mapping[str, Heard]) -> RolloutStatus | None:
    """Return what the operator that drives *rollout* last said of its current step, if it did."""
    words = [
        (each.at_s, said)
        for each in heard.values()
        for said in each.status.rollouts
        if (said.route, said.began_offset) == (route, rollout.stamp.offset)
    ]
    return max(words, key=lambda word: word[0])[1] if words else None


def _step(said: RolloutStatus | None) -> Row:
    if said is None:
        return {"now": "no operator has said anything of this step yet", "figures": []}
    return {
        "now": said.problem or f"{verdict_name(said.verdict)} so far: {said.detail}",
        "requests": said.requests,
        "scored": said.scored,
        "untold": said.untold,
        "due": format_time(said.due_us) if said.due_us else "",
        "figures": list(map(_figures, said.gates)),
    }


def _figures(gate: GateStatus) -> Row:
    numbers = {"value": gate.value, "low": gate.low, "high": gate.high}
    # JSON has no infinity: what is not known has no end.
    shown = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    measured: Row = {**shown} if gate.samples else dict.fromkeys(numbers)
    return {
        "gate": format_gate(gate.gate),
        "verdict": verdict_name(gate.verdict),
        "samples": gate.samples,
        **measured,
    }

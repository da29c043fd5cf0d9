"""Roll-outs as rows: pure."""

from rendezvous_contracts.gates import format_gate
from rendezvous_contracts.shares import format_share
from rendezvous_control.state import RouteEntry

from rendezvous_cli.moments import format_time

ROLLOUT_COLUMNS = ("route", "revision", "to", "outcome", "step", "share", "paused", "detail", "since")


def rollout_row(entry: RouteEntry) -> dict[str, object]:
    """Return how far the newest roll-out of a route is."""
    rollout = entry.rollout
    row: dict[str, object] = {
        "route": entry.name,
        "revision": entry.current.number,
        "paused": f"by {entry.paused.author}: {entry.paused.reason}" if entry.paused else "",
    }
    if rollout is None:
        return row | {"to": "", "outcome": "none", "step": "", "share": "", "detail": "", "since": ""}
    plan = rollout.plan
    return row | {
        "to": plan.to,
        "outcome": str(rollout.outcome),
        "step": f"{rollout.step} of {len(plan.steps)}",
        "share": format_share(plan.steps[rollout.step - 1]) if rollout.step else "shadow",
        "detail": rollout.detail,
        "since": format_time(rollout.stamp.at_us),
        "steps": [format_share(share) for share in plan.steps],
        "gates": [format_gate(gate) for gate in plan.gates],
        "every_us": plan.every_us,
        "base": rollout.base,
        "by": rollout.stamp.author,
    }

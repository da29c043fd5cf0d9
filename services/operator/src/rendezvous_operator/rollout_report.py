"""What the operator says of the roll-outs that it drives, on `status` and in the control log: pure."""

from rendezvous_contracts.shares import format_share
from rendezvous_control.judging import (
    EARLY_Z,
    FINAL_Z,
    Estimates,
    Evidence,
    due_us,
    is_last_look,
    judge_gate,
    judge_step,
    verdict_name,
)
from rendezvous_control.state import RolloutEntry, RouteEntry
from scoring.v1.control_pb2 import Gate, StepRollout
from scoring.v1.status_pb2 import GateStatus, RolloutStatus


def report_rollout(
    entry: RouteEntry, rollout: RolloutEntry, evidence: Evidence, now_us: int
) -> RolloutStatus:
    """Return how the current step of *rollout* does at *now_us*, microseconds since the epoch."""
    last = is_last_look(entry, rollout, evidence, now_us)
    judged = judge_step(rollout, evidence, last=last)
    estimates = evidence.estimates(FINAL_Z if last else EARLY_Z)
    return RolloutStatus(
        route=entry.name,
        to=rollout.plan.to,
        step=rollout.step,
        began_offset=rollout.stamp.offset,
        verdict=judged.verdict,
        detail=judged.detail,
        gates=[_gate(gate, estimates) for gate in rollout.plan.gates],
        requests=evidence.requests,
        scored=evidence.scored,
        due_us=0 if entry.paused else due_us(rollout, evidence),
    )


def _gate(gate: Gate, estimates: Estimates) -> GateStatus:
    status = GateStatus(gate=gate, verdict=judge_gate(gate, estimates).verdict)
    estimate = estimates.get((gate.metric, gate.against))
    if estimate is not None:
        status.value, status.low, status.high = estimate.value, estimate.low, estimate.high
        status.samples = estimate.samples
    return status


def describe_step(rollout: RolloutEntry, step: StepRollout) -> str:
    """Return why *step* is said, for who reads the control log a year later."""
    share = format_share(rollout.plan.steps[step.step - 1]) if step.step else "shadow"
    return (
        f"{verdict_name(step.verdict)}: step {step.step} ({share}) of the roll-out of {rollout.plan.to}: "
        f"{step.detail}"
    )

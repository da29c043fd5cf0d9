"""When a step of a roll-out passes, fails, or cannot be told: pure rules over estimates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from rendezvous_contracts.gates import format_gate
from scoring.v1.control_pb2 import Gate, StepRollout, StepVerdict

from rendezvous_control.state import RolloutEntry, RouteEntry

PASS: Final = StepVerdict.STEP_VERDICT_PASS
FAIL: Final = StepVerdict.STEP_VERDICT_FAIL
INCONCLUSIVE: Final = StepVerdict.STEP_VERDICT_INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class Estimate:
    """What *samples* requests say of a metric: the true value is between *low* and *high*, most likely."""

    value: float
    low: float
    high: float
    samples: int


# By metric, and with whom it compares.
Estimates = Mapping[tuple[str, str], Estimate]


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and the figures that it stands on, for people."""

    verdict: "StepVerdict.ValueType"
    detail: str


def judge(gates: Iterable[Gate], estimates: Estimates) -> Judged:
    """
    Return the verdict of *gates*: the worst of all.

    A gate fails if even the low end of its estimate is at the bound or above, passes if even the high end is
    below, and is inconclusive in between, or without an estimate. Without gates all passes.
    """
    verdicts = [(gate, _judge_one(gate, estimates.get((gate.metric, gate.against)))) for gate in gates]
    found = {verdict for _, (verdict, _) in verdicts}
    worst = next((verdict for verdict in (FAIL, INCONCLUSIVE) if verdict in found), PASS)
    # What decided is said; where all passed, all is said.
    said = [f"{format_gate(gate)}: {figures}" for gate, (verdict, figures) in verdicts if verdict == worst]
    return Judged(worst, "; ".join(said) or "there is no gate")


def _judge_one(gate: Gate, estimate: Estimate | None) -> tuple["StepVerdict.ValueType", str]:
    if estimate is None or not estimate.samples:
        return INCONCLUSIVE, "not measured"
    figures = (
        f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g}) of {estimate.samples} requests"
    )
    if estimate.high < gate.below:
        return PASS, figures
    return (FAIL if estimate.low >= gate.below else INCONCLUSIVE), figures


def next_step(entry: RouteEntry, estimates: Estimates, now_us: int) -> StepRollout | None:
    """
    Return what to say of the roll-out of a route at *now_us*, microseconds since the epoch; None to wait.

    *estimates* are of the current step. A failure is said at once; all else when the step has lasted. Of a
    paused roll-out only its failure is said.
    """
    rollout = entry.rolling
    if rollout is None:
        return None
    judged = judge(rollout.plan.gates, estimates)
    if judged.verdict != FAIL and (entry.paused or not _has_lasted(rollout, now_us)):
        return None
    return StepRollout(route=entry.name, step=rollout.step, verdict=judged.verdict, detail=judged.detail)


def _has_lasted(rollout: RolloutEntry, now_us: int) -> bool:
    return now_us - rollout.stamp.at_us >= rollout.plan.every_us

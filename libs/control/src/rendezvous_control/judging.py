"""When a step of a roll-out passes, fails, or cannot be told: pure rules over estimates."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rendezvous_contracts.gates import format_gate
from scoring.v1.control_pb2 import Gate, StepRollout, StepVerdict

from rendezvous_control.bounds import Estimate
from rendezvous_control.state import RolloutEntry, RouteEntry

PASS: Final = StepVerdict.STEP_VERDICT_PASS
FAIL: Final = StepVerdict.STEP_VERDICT_FAIL
INCONCLUSIVE: Final = StepVerdict.STEP_VERDICT_INCONCLUSIVE

# How sure to be, as bounds has it. A step is looked at hundreds of times while it lasts, and once when it has
# lasted: who stops at the first figure that looks bad would stop good ones by chance. So the looks before
# the end are held to far more than the last one, after Haybittle (1971) and Peto and others (1976).
EARLY_Z: Final = 4.0
FINAL_Z: Final = 1.96
# How long a model may take to score for the first time: its container may have to be started, and to load it.
TO_BEGIN_US: Final = 300_000_000

# By metric, and with whom it compares.
Estimates = Mapping[tuple[str, str], Estimate]


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What is known of a step: the *requests* that count, on how many the candidate scored, and the estimates.

    *estimates* takes how sure to be (z, as bounds has it). *since_us*: when the step began, by the clock of
    who looks, and for a shadow when it first scored; in microseconds since the epoch.
    """

    since_us: int
    requests: int = 0
    scored: int = 0
    estimates: Callable[[float], Estimates] = field(default=lambda _: {})


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
    verdicts = [(gate, judge_gate(gate, estimates)) for gate in gates]
    found = {judged.verdict for _, judged in verdicts}
    worst = next((verdict for verdict in (FAIL, INCONCLUSIVE) if verdict in found), PASS)
    # What decided is said; where all passed, all is said.
    said = [f"{format_gate(gate)}: {judged.detail}" for gate, judged in verdicts if judged.verdict == worst]
    return Judged(worst, "; ".join(said) or "there is no gate")


def judge_gate(gate: Gate, estimates: Estimates) -> Judged:
    """Return the verdict of one gate, as judge has it."""
    estimate = estimates.get((gate.metric, gate.against))
    if estimate is None or not estimate.samples:
        return Judged(INCONCLUSIVE, "not measured")
    figures = (
        f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g}) of {estimate.samples} requests"
    )
    if estimate.high < gate.below:
        return Judged(PASS, figures)
    return Judged(FAIL if estimate.low >= gate.below else INCONCLUSIVE, figures)


def judge_step(rollout: RolloutEntry, evidence: Evidence, *, last: bool) -> Judged:
    """
    Return the verdict on the current step, if it were said now; *last*: nobody looks at it again.

    A model that has scored nothing passes no step, whatever its gates ask for.
    """
    z = FINAL_Z if last else EARLY_Z
    judged = judge(rollout.plan.gates, evidence.estimates(z))
    if judged.verdict != FAIL and not evidence.scored:
        return Judged(
            INCONCLUSIVE, f"{rollout.plan.to} has scored none of {evidence.requests} requests that count"
        )
    return judged


def next_step(entry: RouteEntry, evidence: Evidence, now_us: int) -> StepRollout | None:
    """
    Return what to say of the roll-out of a route at *now_us*, microseconds since the epoch; None to wait.

    *evidence* is of the current step. A failure is said at once; all else when the step has lasted. Of a
    paused roll-out only its failure is said.
    """
    rollout = entry.rolling
    if rollout is None:
        return None
    last = is_last_look(entry, rollout, evidence, now_us)
    judged = judge_step(rollout, evidence, last=last)
    if judged.verdict != FAIL and not last:
        return None
    return StepRollout(route=entry.name, step=rollout.step, verdict=judged.verdict, detail=judged.detail)


def verdict_name(verdict: int) -> str:
    """Return pass, fail or inconclusive."""
    if verdict not in StepVerdict.values():
        return "unknown"
    return StepVerdict.Name(StepVerdict.ValueType(verdict)).removeprefix("STEP_VERDICT_").lower()


def due_us(rollout: RolloutEntry, evidence: Evidence) -> int:
    """Return when the current step has lasted as long as the plan says, in microseconds since the epoch."""
    is_waiting = rollout.step == 0 and not evidence.scored
    return evidence.since_us + max(rollout.plan.every_us, TO_BEGIN_US if is_waiting else 0)


def is_last_look(entry: RouteEntry, rollout: RolloutEntry, evidence: Evidence, now_us: int) -> bool:
    """Return whether the current step is over at *now_us*, so that whatever is known of it decides."""
    return not entry.paused and now_us >= due_us(rollout, evidence)

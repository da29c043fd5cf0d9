from collections.abc import Sequence

import pytest
from rendezvous_contracts.gates import parse_gate
from rendezvous_control.bounds import Estimate
from rendezvous_control.judging import (
    EARLY_Z,
    FAIL,
    FINAL_Z,
    INCONCLUSIVE,
    PASS,
    TO_BEGIN_US,
    Estimates,
    Evidence,
    judge,
    next_step,
)
from rendezvous_control.state import RouteEntry, State
from scoring.v1.control_pb2 import (
    AddModel,
    Gate,
    PauseRoute,
    SetRoute,
    StartRollout,
    StepRollout,
    StepVerdict,
)

from tests.support.control import model, route
from tests.support.folding import after

P99, ERRORS = parse_gate("p99_ms<20"), parse_gate("error_rate<0.001")


def fast(low: float, high: float, samples: int = 100) -> Estimates:
    return {("p99_ms", ""): Estimate((low + high) / 2, low, high, samples)}


def shown(estimates: Estimates, scored: int = 100) -> Evidence:
    return Evidence(START, requests=100, scored=scored, estimates=lambda _: estimates)


@pytest.mark.parametrize(
    ("low", "high", "samples", "verdict"),
    [
        (10, 19.9, 100, PASS),
        (10, 20, 100, INCONCLUSIVE),
        (19, 30, 100, INCONCLUSIVE),
        (20, 30, 100, FAIL),
        (10, 11, 0, INCONCLUSIVE),
    ],
)
def test_a_gate_passes_or_fails_when_its_whole_estimate_does(
    low: float, high: float, samples: int, verdict: "StepVerdict.ValueType"
) -> None:
    assert judge([P99], fast(low, high, samples)).verdict == verdict


def test_the_worst_gate_decides_and_says_why() -> None:
    failing = judge([P99, ERRORS], fast(25, 35))
    waiting = judge([P99, ERRORS], fast(10, 12))

    assert (failing.verdict, failing.detail) == (FAIL, "p99_ms<20: 30 (25 to 35) of 100 requests")
    assert (waiting.verdict, waiting.detail) == (INCONCLUSIVE, "error_rate<0.001: not measured")


def test_without_gates_all_passes() -> None:
    assert judge([], {}) == judge([], fast(1, 2))
    assert judge([], {}).verdict == PASS


EVERY = 60_000_000
START = 1  # the stamp of every message of a test


def rolling(*, paused: bool = False, gates: Sequence[Gate] = (P99,)) -> RouteEntry:
    state = State()
    for name in ("a", "b"):
        state = after(state, AddModel(model=model(name)))
    state = after(state, SetRoute(route=route("a@1")))
    state = after(
        state, StartRollout(route="wine", to="b@1", steps=[100, 10_000], every_us=EVERY, gates=gates)
    )
    if paused:
        state = after(state, PauseRoute(name="wine"))
    return state.routes["wine"]


@pytest.mark.parametrize(
    ("after_us", "estimates", "verdict"),
    [
        (EVERY - 1, fast(1, 2), None),
        (EVERY, fast(1, 2), PASS),
        (EVERY - 1, {}, None),
        (EVERY, {}, INCONCLUSIVE),
        (0, fast(30, 40), FAIL),
        (EVERY, fast(30, 40), FAIL),
    ],
)
def test_a_step_is_judged_when_it_has_lasted_and_a_failure_at_once(
    after_us: int, estimates: Estimates, verdict: "StepVerdict.ValueType | None"
) -> None:
    step = next_step(rolling(), shown(estimates), START + after_us)

    assert (step.verdict if step else None) == verdict


def test_of_a_paused_roll_out_only_its_failure_is_said() -> None:
    assert next_step(rolling(paused=True), shown(fast(1, 2)), START + EVERY) is None
    failing = next_step(rolling(paused=True), shown(fast(30, 40)), START)
    assert failing == StepRollout(
        route="wine", step=0, verdict=FAIL, detail="p99_ms<20: 35 (30 to 40) of 100 requests"
    )


def test_without_a_roll_out_there_is_nothing_to_say() -> None:
    state = after(State(), AddModel(model=model("a")))
    entry = after(state, SetRoute(route=route("a@1"))).routes["wine"]

    assert next_step(entry, shown(fast(30, 40)), 10**18) is None


def test_a_model_that_has_scored_nothing_passes_no_step() -> None:
    assert next_step(rolling(gates=()), shown({}, scored=0), START + TO_BEGIN_US - 1) is None
    silent = next_step(rolling(gates=()), shown({}, scored=0), START + TO_BEGIN_US)
    scoring = next_step(rolling(gates=()), shown({}), START + EVERY)

    assert silent == StepRollout(
        route="wine",
        step=0,
        verdict=INCONCLUSIVE,
        detail="b@1 has scored none of 100 requests that count",
    )
    assert scoring is not None
    assert scoring.verdict == PASS


def test_a_look_before_the_end_has_to_be_surer_than_the_one_at_the_end() -> None:
    asked = []
    evidence = Evidence(START, 100, 100, lambda z: asked.append(z) or {})  # type: ignore[func-returns-value]

    next_step(rolling(), evidence, START + EVERY - 1)
    next_step(rolling(), evidence, START + EVERY)

    assert asked == [EARLY_Z, FINAL_Z]

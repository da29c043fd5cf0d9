import pytest
from rendezvous_contracts.errors import BadGateError
from rendezvous_contracts.gates import format_gate, parse_gate
from rendezvous_contracts.routes import describe_tier
from rendezvous_control.state import Outcome, State
from scoring.v1.control_pb2 import (
    AbortRollout,
    AddModel,
    ApproveModel,
    Gate,
    PauseRoute,
    RampRoute,
    ResumeRoute,
    RollbackRoute,
    SetRoute,
    StartRollout,
    StepRollout,
    StepVerdict,
)

from tests.support.control import model, route
from tests.support.folding import after, refusal

PASS = StepVerdict.STEP_VERDICT_PASS
FAIL = StepVerdict.STEP_VERDICT_FAIL
INCONCLUSIVE = StepVerdict.STEP_VERDICT_INCONCLUSIVE


def plan(to: str = "b@1", steps: tuple[int, ...] = (100, 5_000, 10_000), *gates: str) -> StartRollout:
    return StartRollout(
        route="wine", to=to, steps=steps, every_us=60_000_000, gates=[parse_gate(text) for text in gates]
    )


def step(number: int, verdict: "StepVerdict.ValueType" = PASS) -> StepRollout:
    return StepRollout(route="wine", step=number, verdict=verdict, detail="as measured")


@pytest.fixture
def before() -> State:
    """Wine is answered by a, then c; b is registered."""
    state = State()
    for name in ("a", "b", "c"):
        state = after(state, AddModel(model=model(name)))
    return after(state, SetRoute(route=route("a@1", "c@1")))


def first_tier(state: State) -> str:
    return describe_tier(state.routes["wine"].current.route.schedule[0])


def test_a_model_rolls_out_from_shadow_to_all(before: State) -> None:
    state = after(before, plan())
    assert list(state.routes["wine"].current.route.shadows) == ["b@1"]
    assert first_tier(state) == "use a@1"

    seen = []
    for number in range(3):
        state = after(state, step(number), author="operator")
        seen.append((first_tier(state), list(state.routes["wine"].current.route.shadows)))

    assert seen == [("use 99% a@1, 1% b@1", []), ("use 50% a@1, 50% b@1", []), ("use b@1", [])]
    rollout = state.routes["wine"].rollout
    assert rollout is not None
    assert (rollout.outcome, rollout.step, rollout.detail) == (Outcome.DONE, 3, "as measured")
    assert state.routes["wine"].current.number == 5
    assert after(state, SetRoute(route=route("a@1"))).routes["wine"].current.number == 6


@pytest.mark.parametrize("passed", [0, 1, 2])
def test_a_failed_step_goes_back_to_what_was_before(before: State, passed: int) -> None:
    state = after(before, plan())
    for number in range(passed):
        state = after(state, step(number))

    state = after(state, step(passed, FAIL))

    assert state.routes["wine"].current.route == route("a@1", "c@1")
    assert state.routes["wine"].rollout is not None
    assert state.routes["wine"].rollout.outcome is Outcome.FAILED
    assert "no roll-out of route wine is under way" in refusal(state, step(passed)).reason


def test_an_inconclusive_step_pauses_and_begins_anew_when_it_is_resumed(before: State) -> None:
    state = after(after(before, plan()), step(0))
    state = after(state, step(1, INCONCLUSIVE), author="operator")

    assert "paused by operator" in refusal(state, step(1)).reason
    assert first_tier(state) == "use 99% a@1, 1% b@1"

    state = after(state, ResumeRoute(name="wine"))
    rolling = state.routes["wine"].rolling
    assert rolling is not None
    assert rolling.stamp.offset == state.next_offset - 1
    assert first_tier(after(state, step(1))) == "use 50% a@1, 50% b@1"


def test_a_paused_roll_out_can_still_fail_and_be_aborted(before: State) -> None:
    state = after(after(before, plan()), PauseRoute(name="wine"))

    assert after(state, step(0, FAIL)).routes["wine"].current.route == route("a@1", "c@1")
    assert after(state, AbortRollout(route="wine")).routes["wine"].current.route == route("a@1", "c@1")


def test_a_roll_out_has_its_route_to_itself(before: State) -> None:
    state = after(before, plan())
    why = "a roll-out of b@1 on route wine is under way, at step 0: abort it first"

    assert refusal(state, SetRoute(route=route("b@1"))).reason == why
    assert refusal(state, RampRoute(name="wine")).reason == why
    assert refusal(state, plan("c@1")).reason == why
    assert refusal(state, plan()).unchanged


def test_a_rollback_aborts_a_roll_out(before: State) -> None:
    state = after(after(before, plan()), RollbackRoute(name="wine", to_revision=1))

    assert state.routes["wine"].rollout is not None
    assert state.routes["wine"].rollout.outcome is Outcome.ABORTED


def test_a_step_is_judged_once(before: State) -> None:
    state = after(after(before, plan()), step(0))

    assert refusal(state, step(0)).reason == "the roll-out is at step 1, not 0: judge that one"
    unknown = step(1, StepVerdict.STEP_VERDICT_UNSPECIFIED)
    assert refusal(state, unknown).reason == "a verdict that this version does not know"
    blind = StepRollout(route="wine", step=1, verdict=PASS, detail="\x1b[2J")
    assert "the detail of a verdict is '\\x1b[2J'" in refusal(state, blind).reason


def test_a_model_that_scores_already_needs_no_shadow(before: State) -> None:
    state = after(before, SetRoute(route=route("a@1", canary="b@1")))

    state = after(state, plan())
    assert state.routes["wine"].current.number == 2

    state = after(state, step(0, FAIL))
    assert state.routes["wine"].current.number == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (StartRollout(route="beer"), "route 'beer' is not known"),
        (plan("d@1"), "d@1 is not registered"),
        (plan("a@1"), "the first tier of route wine is a@1 already"),
        (plan("c@1"), "in the schedule, c@1 is there 2 times"),
        (plan(steps=()), "a roll-out has 1 to 100 steps, and here are 0"),
        (plan(steps=(0, 10_000)), "the steps 0%, 100% have to rise"),
        (plan(steps=(500, 500, 10_000)), "the steps 5%, 5%, 100% have to rise"),
        (plan(steps=(500,)), "the steps 5% have to end at 100%"),
        (plan(steps=(500, 20_000)), "have to end at 100%"),
        (StartRollout(route="wine", to="b@1", steps=[10_000]), "say how long a step lasts"),
        (plan("b@1", (10_000,), "error_rate<1", "error_rate<2"), "gate error_rate() is there 2 times"),
        (plan("b@1", (10_000,), "mean_abs_delta(canary)<1"), "route wine has no canary"),
        (
            StartRollout(route="wine", to="b@1", steps=[10_000], every_us=1, gates=[Gate(metric="x")]),
            "there is no metric 'x'",
        ),
    ],
)
def test_a_roll_out_that_cannot_be_finished_does_not_begin(
    before: State, change: StartRollout, reason: str
) -> None:
    assert reason in refusal(before, change).reason


def test_the_first_tier_has_to_be_one_model(before: State) -> None:
    anything = route()
    anything.schedule.add(any=True)
    anything.models.append("a@1")

    reason = refusal(after(before, SetRoute(route=anything)), plan()).reason

    assert "the first tier of route wine has to name one model" in reason


def test_a_roll_out_on_a_guarded_route_waits_for_the_approval(before: State) -> None:
    guarded = route("a@1", "c@1")
    guarded.requires_approval = True
    state = after(before, SetRoute(route=guarded))
    assert "asks for approval and b@1 has none" in refusal(state, plan()).reason

    state = after(state, ApproveModel(name="b", version="1"), author="bob")
    assert first_tier(after(after(state, plan()), step(0))) == "use 99% a@1, 1% b@1"


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("p99_ms<20", Gate(metric="p99_ms", below=20)),
        (" mean_abs_delta( canary ) < 3e-1 ", Gate(metric="mean_abs_delta", against="canary", below=0.3)),
        (
            "disagreement_rate(champion)<0.01",
            Gate(metric="disagreement_rate", against="champion", below=0.01),
        ),
    ],
)
def test_a_gate_is_written_as_a_bound(text: str, gate: Gate) -> None:
    assert parse_gate(text) == gate
    assert parse_gate(format_gate(gate)) == gate


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a gate: write p99_ms<20"),
        ("p99_ms>20", "is not a gate"),
        ("p99_ms<x", "'x' is not a number"),
        ("p99_ms<inf", "the bound has to be a finite number"),
        ("p99<20", "there is no metric 'p99': use one of"),
        ("p99_ms(canary)<20", "write p99_ms"),
        ("mean_abs_delta<1", "write mean_abs_delta(champion) or mean_abs_delta(canary)"),
    ],
)
def test_a_gate_that_is_wrong_is_refused_with_what_to_write(text: str, problem: str) -> None:
    with pytest.raises(BadGateError) as refused:
        parse_gate(text)

    assert problem in str(refused.value)

"""Requests that pin their model, over the schedule of the design: m3; after 20 ms m2; at 35 ms any."""

from dataclasses import dataclass, field

import pytest
from rendezvous_engine.policy import compile_policy
from scoring.v1.answer_pb2 import Source

from tests.support.questions import FAILED, FOREST, LINEAR, MLP, MS, OK, Bench, wine

MODEL = Source.SOURCE_MODEL
OTHER = "wine-other@1"  # which the route does not name
GONE = "it was removed"


@dataclass(frozen=True)
class Case:
    """What comes when, and who answers when, and why it is not the pinned one: microseconds from arrival."""

    what: str
    pinned: str
    answered_at: int
    model: str
    tier: int
    reason: str = ""
    problem: str = ""
    scores: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)


CASES = [
    Case("a model that no tier names answers", OTHER, 7, OTHER, 0, scores={OTHER: 7}),
    Case("the canary answers", LINEAR, 7, LINEAR, 0, scores={LINEAR: 7}),
    Case("a model of a later tier answers at once", MLP, 7, MLP, 0, scores={MLP: 7}),
    Case("the champion waits for it", OTHER, 40_000, OTHER, 0, scores={FOREST: 1, OTHER: 40_000}),
    Case(
        "it fails: the schedule decides at once",
        OTHER, 9, FOREST, 1, "it failed", scores={FOREST: 1}, failures={OTHER: 9},
    ),
    Case(
        "it fails: a later tier still waits for its time",
        OTHER, 20_000, MLP, 2, "it failed", scores={MLP: 1}, failures={OTHER: 9},
    ),
    Case("it does not come", OTHER, 50_000, FOREST, 1, "no score in time", scores={FOREST: 1}),
    Case(
        "it comes at the deadline, which is late",
        OTHER, 50_000, FOREST, 1, "no score in time", scores={FOREST: 1, OTHER: 50_000},
    ),
    Case("it was removed: nobody waits", OTHER, 1, FOREST, 1, GONE, GONE, scores={FOREST: 1}),
    Case(
        "it was removed, and scores all the same", OTHER, 9, FOREST, 1, GONE, GONE, {OTHER: 1, FOREST: 9},
    ),
    Case("nobody comes", OTHER, 50_000, "", 0, "no score in time; the deadline passed after 50ms; missing: "),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_pinned_model_decides(case: Case) -> None:
    bench = Bench()
    bench.ask(model=case.pinned, model_problem=case.problem)
    came = [(at, model, OK) for model, at in case.scores.items()]
    came += [(at, model, FAILED) for model, at in case.failures.items()]
    for at, model, status in sorted(came):
        run_timers(bench, until=at)
        bench.score(model, at, status=status)
    run_timers(bench, until=200 * MS)

    answer = bench.answer
    assert (answer.model, answer.tier) == (case.model, case.tier)
    assert answer.answered_at_us - answer.sent_at_us == case.answered_at
    assert answer.source == (MODEL if case.model else Source.SOURCE_DEFAULT)
    if case.model == case.pinned:
        assert (answer.rule, answer.reason) == (f"pinned {case.pinned}", "")
    else:
        assert answer.reason.startswith(f"pinned {case.pinned}: {case.reason}")
    assert bench.decision.answer == answer
    scored = case.scores.keys() | case.failures.keys()
    asked = {FOREST, MLP, LINEAR} | (set() if case.problem else {case.pinned})
    assert set(bench.decision.missing) == asked - scored


def run_timers(bench: Bench, until: int) -> None:
    while (due := bench.engine.next_time()) is not None and due <= until:
        bench.time(due)


def test_a_pinned_model_answers_on_a_route_that_has_none() -> None:
    route = wine()
    del route.schedule[:]
    route.canary = ""
    bench = Bench(route)
    bench.ask(model=OTHER)
    assert not bench.answers
    bench.score(OTHER, 5)
    assert (bench.answer.model, bench.answer.rule) == (OTHER, f"pinned {OTHER}")
    assert not bench.decision.missing


def test_a_mailbox_closes_once_the_pinned_model_and_all_others_have_scored() -> None:
    bench = Bench()
    bench.ask(model=OTHER)
    for at, model in enumerate((FOREST, MLP, LINEAR, OTHER), start=1):
        assert not bench.decisions
        bench.score(model, at)
    assert [score.model for score in bench.decision.scores] == [FOREST, MLP, LINEAR, OTHER]


def test_a_score_that_overtook_its_pinned_request_answers_it() -> None:
    bench = Bench()
    bench.score(OTHER, 1)
    bench.ask(at=2, model=OTHER)
    assert bench.answer.model == OTHER


def test_there_is_one_verdict_for_all_that_pin_the_same_model() -> None:
    policy = compile_policy(wine(), 1)
    assert policy.pin(OTHER, "").verdict is policy.pin(OTHER, "").verdict
    assert policy.pin(OTHER, "").verdict is not policy.pin(MLP, "").verdict
    assert policy.pin("made-up@1", "it is not registered").verdict is policy.defaulted

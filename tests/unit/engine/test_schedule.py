"""The schedule, as a table: m3; after 20 ms m2; after 35 ms whatever came; at 50 ms the default."""

from dataclasses import dataclass, field

import pytest
from scoring.v1.answer_pb2 import Source

from tests.support.questions import EPOCH, FAILED, FOREST, LINEAR, MLP, MS, OK, Bench, wine

MODEL = Source.SOURCE_MODEL
DEFAULT = Source.SOURCE_DEFAULT


@dataclass(frozen=True)
class Case:
    """What comes when, and who answers when: times in microseconds from the request's arrival."""

    what: str
    answered_at: int
    tier: int
    model: str = ""
    scores: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    budget_us: int = 50 * MS


CASES = [
    Case("the champion answers the moment it scores", 1, 1, FOREST, {FOREST: 1}),
    Case("the champion answers although the second was first", 19_000, 1, FOREST, {MLP: 5, FOREST: 19_000}),
    Case("the second waits for its time", 20_000, 2, MLP, {MLP: 5}),
    Case("just before its time the second still waits", 19_999, 1, FOREST, {MLP: 19_998, FOREST: 19_999}),
    Case("at its time the second is used at once", 20_000, 2, MLP, {MLP: 20_000}),
    Case("after its time the second answers when it scores", 20_001, 2, MLP, {MLP: 20_001}),
    Case("in the second's time the champion still answers", 30_000, 1, FOREST, {FOREST: 30_000}),
    Case("at one moment the earlier tier wins", 20_000, 1, FOREST, {MLP: 5, FOREST: 20_000}),
    Case("a canary that no tier names never answers", 50_000, 0, "", {LINEAR: 5}),
    Case("the second answers in the time of any, by its own tier", 34_999, 2, MLP, {MLP: 34_999}),
    Case("one microsecond before the deadline a score is used", 49_999, 1, FOREST, {FOREST: 49_999}),
    Case("at the deadline a score is late", 50_000, 0, "", {FOREST: 50_000}),
    Case("nothing came: the default at the deadline", 50_000, 0),
    Case("the champion failed: nobody waits for it", 6, 2, MLP, {MLP: 5}, {FOREST: 6}),
    Case("the champion failed first: the second answers at once", 6, 2, MLP, {MLP: 6}, {FOREST: 5}),
    Case("all failed: the default at once", 9, 0, "", {}, {FOREST: 8, MLP: 9}),
    Case("a tighter budget still gets what came", 10_000, 2, MLP, {MLP: 5}, budget_us=10_000),
    Case("a tighter budget is kept", 10_000, 0, "", {MLP: 10_000}, budget_us=10_000),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_schedule_decides(case: Case) -> None:
    bench = Bench()
    bench.ask(budget_us=case.budget_us)
    came = [(at, model, OK) for model, at in case.scores.items()]
    came += [(at, model, FAILED) for model, at in case.failures.items()]

    for at, model, status in sorted(came):
        _run_timers(bench, until=at)
        bench.score(model, at, status=status)
    _run_timers(bench, until=200 * MS)

    answer = bench.answer
    assert (answer.answered_at_us - answer.sent_at_us, answer.tier, answer.model) == (
        case.answered_at,
        case.tier,
        case.model,
    )
    assert answer.source == (MODEL if case.model else DEFAULT)


def _run_timers(bench: Bench, until: int) -> None:
    """Call on_time exactly when it is wanted, as the data plane does."""
    while (due := bench.engine.next_time()) is not None and due < until:
        bench.time(due)


def test_any_takes_the_best_that_came_in_the_order_of_models() -> None:
    other = "wine-tree@2"
    bench = Bench(wine(models=[other, FOREST]))
    bench.ask()
    bench.score(other, 5)
    bench.time(35 * MS)

    assert (bench.answer.model, bench.answer.tier, bench.answer.rule) == (other, 3, "after 35ms use any")


def test_a_shadow_scores_and_is_never_chosen() -> None:
    bench = Bench(wine(shadows=["wine-new@1"]))
    bench.ask()
    bench.score("wine-new@1", 5)
    bench.time(50 * MS)

    bench.time(100 * MS)

    assert bench.answer.source == DEFAULT
    assert [score.model for score in bench.decision.scores] == ["wine-new@1"]


def test_a_route_with_no_model_answers_its_default_at_once() -> None:
    route = wine()
    del route.schedule[:]
    route.canary = ""
    bench = Bench(route)
    bench.ask(at=3)

    assert bench.answer.source == DEFAULT
    assert bench.answer.reason == "the route has no model yet"
    assert bench.answer.answered_at_us == bench.answer.sent_at_us
    assert list(bench.decision.missing) == []


def test_a_default_says_who_was_missing_and_who_failed() -> None:
    bench = Bench()
    bench.ask()
    bench.score(MLP, 5, status=FAILED)
    bench.time(50 * MS)

    assert bench.answer.reason == (
        f"the deadline passed after 50ms; missing: {FOREST}, {LINEAR}; failed: {MLP}"
    )
    assert bench.answer.outputs.values["quality"].number == 5.6


def test_a_backlog_past_its_deadline_is_answered_at_once() -> None:
    bench = Bench()
    bench.ask(at=80 * MS, sent_at_us=EPOCH)

    assert bench.answer.source == DEFAULT
    assert bench.answer.answered_at_us - bench.answer.sent_at_us == 80 * MS


def test_a_fast_clock_wins_no_more_than_the_budget() -> None:
    bench = Bench()
    bench.ask(sent_at_us=EPOCH + 5_000_000)

    assert bench.engine.next_time() == 20 * MS
    bench.time(20 * MS)
    bench.time(35 * MS)
    assert not bench.answers
    bench.time(50 * MS)
    assert bench.answer.source == DEFAULT

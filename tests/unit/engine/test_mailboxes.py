"""What becomes of inputs and scores: each has a typed outcome, and memory is bounded."""

from rendezvous_engine.engine import Limits
from rendezvous_engine.mailbox import Place
from rendezvous_engine.outcomes import InputOutcome, ScoreOutcome
from rendezvous_engine.policy import FixedPolicies, Policy, compile_policy
from scoring.v1.answer_pb2 import Source

from tests.support.questions import FAILED, FOREST, LINEAR, MLP, MS, At, Bench, wine


def test_a_late_score_reaches_the_decision() -> None:
    bench = Bench()
    bench.ask()
    bench.score(FOREST, 5)
    assert bench.score(MLP, 60 * MS) is ScoreOutcome.LATE
    assert bench.score(LINEAR, 70 * MS) is ScoreOutcome.LATE

    decision = bench.decision
    assert [score.model for score in decision.scores] == [FOREST, MLP, LINEAR]
    assert [arrival.after_us for arrival in decision.arrivals] == [5, 60 * MS, 70 * MS]
    assert [arrival.model for arrival in decision.answer.arrivals] == [FOREST]
    assert decision.answer == bench.answer


def test_a_mailbox_closes_when_its_time_is_up_and_names_who_is_missing() -> None:
    bench = Bench()
    bench.ask()
    bench.score(FOREST, 5)
    bench.time(99 * MS)
    bench.time(bench.engine.next_time() or 0)
    assert bench.engine.open == 0
    assert list(bench.decision.missing) == [LINEAR, MLP]
    assert bench.score(MLP, 101 * MS) is ScoreOutcome.AFTER_CLOSE


def test_what_is_done_wakes_nobody() -> None:
    bench = Bench()
    bench.ask("answered")
    bench.ask("closed")
    bench.score(FOREST, 5, name="answered")
    for model in (FOREST, MLP, LINEAR):
        bench.score(model, 5, name="closed")
    # Not for a tier: for the end of the one that still takes late scores.
    assert bench.engine.next_time() == 100 * MS
    for model in (MLP, LINEAR):
        bench.score(model, 30 * MS, name="answered")
    assert bench.engine.next_time() is None


def test_a_score_that_overtook_its_input_is_joined() -> None:
    bench = Bench()
    assert bench.score(FOREST, 1) is ScoreOutcome.EARLY
    bench.ask(at=2)
    assert bench.answer.model == FOREST


def test_a_score_that_nobody_asked_for_is_given_up_in_time() -> None:
    bench = Bench(limits=Limits(early_hold_us=1_000))
    bench.score(FOREST, 0, name="nobody")
    assert bench.engine.next_time() == 1_000
    assert bench.time(999) == 0
    assert bench.time(1_000) == 1
    assert bench.engine.next_time() is None


def test_more_early_scores_than_there_is_room_for_lose_the_oldest() -> None:
    bench = Bench(limits=Limits(early_scores=2))
    for name in "abc":
        bench.score(FOREST, 0, name=name)
    assert bench.time(0) == 1
    bench.ask("a", at=1)
    bench.ask("b", at=1)
    assert [answer.id for answer in bench.answers] == ["b"]


def test_the_first_score_of_a_model_stands() -> None:
    bench = Bench()
    bench.ask()
    bench.score(MLP, 1, quality=5.0)
    assert bench.score(MLP, 2, quality=9.0) is ScoreOutcome.DUPLICATE
    bench.time(20 * MS)
    assert bench.answer.outputs.values["quality"].number == 5.0


def test_a_model_that_the_revision_does_not_name_is_recorded_and_never_chosen() -> None:
    bench = Bench()
    bench.ask()
    assert bench.score("wine-stranger@1", 1) is ScoreOutcome.UNEXPECTED
    for model in (FOREST, MLP, LINEAR):
        bench.score(model, 2, status=FAILED)
    assert bench.answer.source == Source.SOURCE_DEFAULT
    assert "wine-stranger@1" in [score.model for score in bench.decision.scores]


def test_a_score_without_outputs_is_a_failed_one() -> None:
    bench = Bench()
    bench.ask()
    bench.score(FOREST, 1, status=FAILED)
    bench.score(MLP, 2)
    assert bench.answer.model == MLP


def test_a_repeated_request_gets_the_same_answer_again() -> None:
    bench = Bench()
    bench.ask()
    bench.score(FOREST, 5)
    assert bench.ask(at=9) is InputOutcome.REPEATED
    assert bench.repeats == [bench.answer]


def test_a_request_repeated_while_it_is_open_is_answered_once() -> None:
    bench = Bench()
    bench.ask()
    assert bench.ask(at=9) is InputOutcome.REPEATED
    bench.score(FOREST, 10)
    assert len(bench.answers) == 1
    assert not bench.repeats


def test_another_question_under_a_used_id_is_refused() -> None:
    bench = Bench()
    bench.ask(digest=1)
    assert bench.ask(digest=2) is InputOutcome.CONFLICTING
    bench.score(FOREST, 5)
    assert bench.ask(digest=2) is InputOutcome.CONFLICTING
    assert not bench.repeats


def test_the_same_record_read_again_changes_nothing() -> None:
    bench = Bench()
    bench.ask(request_offset=17)
    bench.score(FOREST, 5)
    assert bench.ask(request_offset=17) is InputOutcome.SAME_RECORD
    assert len(bench.answers) == 1
    assert not bench.repeats


def test_a_restarted_engine_does_not_answer_twice_and_completes_the_decision() -> None:
    before = Bench()
    before.ask(request_offset=17)
    before.score(FOREST, 5)

    after = Bench()
    after.recover(*before.raw_answers)
    assert after.ask(at=9, request_offset=17) is InputOutcome.REOPENED
    for model in (FOREST, MLP, LINEAR):
        after.score(model, 10)
    assert not after.answers
    assert after.decision.answer == before.answer
    assert len(after.decision.scores) == 3


def test_after_a_restart_a_repeat_by_the_asker_gets_the_old_answer() -> None:
    before = Bench()
    before.ask(request_offset=17)
    before.score(FOREST, 5)

    after = Bench()
    after.recover(*before.raw_answers)
    assert after.ask(at=9, request_offset=18) is InputOutcome.REPEATED
    assert after.repeats == [before.answer]


def test_the_first_of_two_answers_in_the_log_is_the_effective_one() -> None:
    one, two = Bench(), Bench()
    for bench, model in ((one, FOREST), (two, LINEAR)):
        bench.ask(request_offset=17)
        bench.score(model, 5)
        bench.time(50 * MS)

    after = Bench()
    after.recover(*one.raw_answers, *two.raw_answers)
    after.ask(request_offset=18)
    assert after.repeats == [one.answer]


def test_a_problem_of_the_request_is_answered_at_once_with_the_default() -> None:
    bench = Bench()
    bench.ask(problem="alcohol: missing")
    assert bench.answer.source == Source.SOURCE_DEFAULT
    assert bench.answer.reason == "alcohol: missing"
    assert not bench.decision.missing


def test_an_unknown_route_is_refused_at_once() -> None:
    bench = Bench()
    bench.ask(route="cheese", revision=0, problem="there is no route 'cheese'")
    assert bench.answer.source == Source.SOURCE_REFUSED
    assert bench.answer.route == "cheese"
    assert bench.engine.open == 0


class Growing:
    """Policies of which one more is heard of later."""

    def __init__(self, *policies: Policy) -> None:
        self.known = [*policies]

    def find(self, route: str, revision: int) -> Policy | None:
        return FixedPolicies(*self.known).find(route, revision)

    def newest(self, route: str) -> Policy | None:
        return FixedPolicies(*self.known).newest(route)


def test_an_input_of_a_revision_not_heard_of_waits_for_it() -> None:
    policies = Growing(compile_policy(wine(), 1))
    bench = Bench(policies=policies)
    bench.ask(revision=2)
    bench.score(FOREST, 5)
    assert not bench.answers

    policies.known.append(compile_policy(wine(), 2))
    bench.engine.on_policies(At(7))
    bench.time(7)
    assert (bench.answer.model, bench.answer.revision) == (FOREST, 2)


def test_a_revision_never_heard_of_gets_the_newest_default_at_its_deadline() -> None:
    bench = Bench()
    bench.ask(revision=2)
    bench.time(50 * MS)
    assert bench.answer.source == Source.SOURCE_DEFAULT
    assert bench.answer.outputs.values["quality"].number == 5.6
    assert "revision 2 of route 'wine' is not known here" in bench.answer.reason


def test_offsets_move_only_past_what_is_closed() -> None:
    bench = Bench()
    assert bench.engine.low_water() is None
    bench.ask("a")
    bench.ask("b")
    assert bench.engine.low_water() == Place(0, 0)
    for model in (FOREST, MLP, LINEAR):
        bench.score(model, 1, name="a")
    assert bench.engine.low_water() == Place(1, 0)
    bench.time(50 * MS)
    bench.time(100 * MS)
    assert bench.engine.low_water() is None


def test_it_tells_how_much_it_holds() -> None:
    bench = Bench()
    bench.ask()
    bench.score(FOREST, 1, name="nobody")
    assert (bench.engine.open, bench.engine.early, bench.engine.unanswered()) == (1, 1, 1)

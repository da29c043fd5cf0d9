"""A decision told in words: as the engine decides, so it is told."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.explanation import Explanation, Kind, explain
from rendezvous_contracts.shares import drawn_model
from rendezvous_contracts.values import to_fields
from rendezvous_engine.engine import Engine
from rendezvous_engine.policy import FixedPolicies, compile_policy
from scoring.v1.answer_pb2 import Answer, Arrival, Source
from scoring.v1.control_pb2 import Combination, Combined, Route, Share, Tier, Weighted
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import Score, ScoreHead, ScoreStatus

OK = ScoreStatus.SCORE_STATUS_OK
FAILED = ScoreStatus.SCORE_STATUS_FAILED
ROUTE = Route(
    name="wine",
    sla_us=50_000,
    schedule=[Tier(model="forest@3"), Tier(after_us=20_000, model="mlp@1"), Tier(after_us=35_000, any=True)],
    default=to_fields({"quality": 5.6}),
    canary="linear@1",
)
SENT = 1_000_000


@dataclass
class Now:
    mono: int

    @property
    def wall(self) -> int:
        return self.mono


def decided(
    *scores: tuple[str, int, str], route: Route = ROUTE, problem: str = "", key: str = ""
) -> Decision:
    """Return what the engine decides when *scores* (model, milliseconds, error) come in this order."""
    engine = Engine(FixedPolicies(compile_policy(route, 4)))
    head = InputHead(
        id="q", route=route.name, revision=4, sent_at_us=SENT, budget_us=50_000, problem=problem, key=key
    )
    engine.on_input(b"q", head, (0, 0), Now(SENT))
    for offset, (model, after_ms, error) in enumerate(scores):
        _run(engine, SENT + after_ms * 1000 - 1)
        outputs = None if error else to_fields({"quality": 6.0})
        score = Score(
            model=model, status=FAILED if error else OK, outputs=outputs, error=error, request_id="q"
        )
        raw = score.SerializeToString()
        engine.on_score(b"q", ScoreHead.FromString(raw), raw, offset, Now(SENT + after_ms * 1000))
    _run(engine, SENT + 200_000)
    effects = engine.take_effects()
    assert effects is not None
    return Decision.FromString(effects.decided[0][1])


def _run(engine: Engine, until: int) -> None:
    while (at := engine.next_time()) is not None and at <= until:
        engine.on_time(Now(at))


def told(explanation: Explanation) -> list[str]:
    return [f"{'fired' if tier.fired else 'not'}: {tier.why}" for tier in explanation.tiers]


@pytest.mark.parametrize(
    ("scores", "summary", "tiers"),
    [
        (
            [("forest@3", 12, ""), ("mlp@1", 15, ""), ("linear@1", 16, "")],
            (
                "forest@3 answered by tier 1 (use forest@3), 12.0 ms after the request came, 38.0 ms before "
                "its deadline."
            ),
            [
                "fired: forest@3 had scored in time",
                "not: it opens at 20.0 ms; the answer left at 12.0 ms",
                "not: it opens at 35.0 ms; the answer left at 12.0 ms",
            ],
        ),
        (
            [("mlp@1", 15, ""), ("forest@3", 31, ""), ("linear@1", 32, "")],
            (
                "mlp@1 answered by tier 2 (after 20ms use mlp@1), 20.0 ms after the request came, 30.0 ms "
                "before its deadline."
            ),
            [
                "not: forest@3 had not come; it came at 31.0 ms",
                "fired: mlp@1 had scored in time",
                "not: it opens at 35.0 ms; the answer left at 20.0 ms",
            ],
        ),
        (
            [("forest@3", 5, "out of memory"), ("mlp@1", 8, "")],
            (
                "mlp@1 answered by tier 2 (after 20ms use mlp@1), 8.0 ms after the request came, 42.0 ms "
                "before its deadline."
            ),
            [
                "not: forest@3 failed: out of memory (at 5.0 ms)",
                (
                    "fired: mlp@1 had scored in time, and it opened early, for no earlier rule could fire "
                    "any more"
                ),
                "not: it opens at 35.0 ms; the answer left at 8.0 ms",
            ],
        ),
        (
            [("linear@1", 9, "")],
            (
                "The route's default was given, 50.0 ms after the request came: the deadline passed after "
                "50ms; missing: forest@3, mlp@1."
            ),
            [
                "not: forest@3 never came",
                "not: mlp@1 never came",
                "not: forest@3 never came; mlp@1 never came",
            ],
        ),
    ],
)
def test_what_the_engine_decided_is_told(
    scores: list[tuple[str, int, str]], summary: str, tiers: list[str]
) -> None:
    explanation = explain(decided(*scores), ROUTE)

    assert explanation.summary == summary
    assert told(explanation) == tiers
    assert (explanation.request_id, explanation.route, explanation.revision) == ("q", "wine", 4)


def test_the_course_is_in_order_and_says_who_was_late_and_who_never_came() -> None:
    explanation = explain(decided(("mlp@1", 15, ""), ("forest@3", 31, "")))

    assert [(moment.after_us // 1000, moment.kind, moment.text) for moment in explanation.course] == [
        (15, Kind.SCORE, "mlp@1 scored"),
        (20, Kind.ANSWER, "answered: mlp@1"),
        (31, Kind.LATE, "forest@3 scored, after the answer"),
        (50, Kind.DEADLINE, "the deadline"),
        (100, Kind.CLOSE, "the mailbox closed; never came: linear@1"),
    ]
    assert [(model.model, model.chosen, model.why) for model in explanation.models] == [
        ("mlp@1", True, "it scored at 15.0 ms, and after 20ms use mlp@1 chose it"),
        ("forest@3", False, "it scored at 31.0 ms, 11.0 ms after the answer"),
        ("linear@1", False, "it had not scored when the mailbox closed"),
    ]
    assert explanation.tiers == (), "the schedule of then is not known"


def test_an_input_that_no_model_can_take_is_told_as_that() -> None:
    explanation = explain(decided(problem="alcohol: missing"), ROUTE)

    assert explanation.summary.endswith(": alcohol: missing.")
    assert told(explanation) == ["not: no rule was asked: alcohol: missing"] * 3


RAMP = Route(
    name="wine",
    sla_us=50_000,
    schedule=[
        Tier(weighted=Weighted(shares=[Share(model="a@1", share=9_000), Share(model="b@1", share=1_000)])),
        Tier(
            after_us=10_000,
            combined=Combined(
                combination=Combination.COMBINATION_MEDIAN, models=["a@1", "b@1", "c@1"], at_least=2
            ),
        ),
    ],
)


def drawing(model: str) -> str:
    keys = (f"customer-{number}" for number in range(10_000))
    return next(
        key for key in keys if drawn_model("wine", RAMP.schedule[0].weighted.shares, key.encode()) == model
    )


def test_who_was_drawn_is_told_where_the_key_is_known() -> None:
    key = drawing("b@1")
    fired = explain(decided(("b@1", 4, ""), route=RAMP, key=key), RAMP, key)
    waited = decided(("a@1", 4, ""), ("c@1", 5, ""), route=RAMP, key=key)

    assert told(fired)[0] == "fired: b@1 was drawn and had scored in time"
    assert told(explain(waited, RAMP, key)) == [
        "not: the request drew b@1, which never came",
        "fired: a@1 and c@1 had scored in time",
    ]
    assert told(explain(waited, RAMP))[0] == (
        "not: the request draws one of these: a@1 had scored at 4.0 ms; b@1 never came"
    )


def test_a_combination_that_never_came_about_says_how_many_it_needed() -> None:
    key = drawing("b@1")
    why = told(explain(decided(("c@1", 5, ""), route=RAMP, key=key), RAMP, key))[1]

    assert why == (
        "not: at least 2 had to score, with a result: "
        "a@1 never came; b@1 never came; c@1 had scored at 5.0 ms"
    )


scores = st.lists(
    st.tuples(
        st.sampled_from(["forest@3", "mlp@1", "linear@1"]), st.integers(1, 99), st.sampled_from(["", "x"])
    ),
    max_size=5,
).map(lambda found: sorted(found, key=lambda score: score[1]))


@given(scores)
def test_the_rule_that_is_told_to_have_fired_is_the_one_that_did(
    scores: Sequence[tuple[str, int, str]],
) -> None:
    decision = decided(*scores)
    explanation = explain(decision, ROUTE)

    fired = [tier.tier for tier in explanation.tiers if tier.fired]
    assert fired == ([decision.answer.tier] if decision.answer.tier else [])
    chosen = [model.model for model in explanation.models if model.chosen]
    assert chosen == ([decision.answer.model] if decision.answer.model else [])
    moments = [moment.after_us for moment in explanation.course]
    assert moments == sorted(moments)


numbers = st.integers(0, 2**64 - 1)


@given(
    st.builds(
        Decision,
        answer=st.builds(
            Answer,
            tier=st.integers(0, 9),
            source=st.sampled_from(Source.values()),
            model=st.text(max_size=3),
            sent_at_us=numbers,
            answered_at_us=numbers,
            deadline_us=numbers,
            arrivals=st.lists(st.builds(Arrival), max_size=3),
        ),
        arrivals=st.lists(
            st.builds(Arrival, model=st.text(max_size=3), after_us=st.integers(0, 2**32 - 1)), max_size=3
        ),
        missing=st.lists(st.text(max_size=3), max_size=3),
        closed_at_us=numbers,
    ),
    st.sampled_from([None, ROUTE, RAMP, Route()]),
    st.none() | st.text(max_size=3),
)
def test_any_decision_can_be_told(decision: Decision, route: Route | None, key: str | None) -> None:
    assert explain(decision, route, key).summary

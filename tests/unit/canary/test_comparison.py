from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_canary.comparison import Comparison, Expected, Fate, Pair
from rendezvous_canary.report import comparison_json
from rendezvous_contracts.values import to_fields
from scoring.v1.score_pb2 import Score, ScoreStatus

CANARY, CHAMPION, RIVAL = "canary@1", "champion@1", "rival@1"
EXPECTED = Expected(CANARY, frozenset({CHAMPION, RIVAL}))
AGE_US = 1_000


def _expected(route: str, _: int) -> Expected | None:
    return EXPECTED if route == "wine" else None


def _comparison(max_requests: int = 100) -> Comparison:
    return Comparison(_expected, max_requests=max_requests, max_age_us=AGE_US)


def _score(
    request: str,
    model: str,
    outputs: Mapping[str, object] | None = None,
    *,
    route: str = "wine",
) -> Score:
    ok = outputs is not None
    return Score(
        request_id=request,
        model=model,
        route=route,
        revision=1,
        status=ScoreStatus.SCORE_STATUS_OK if ok else ScoreStatus.SCORE_STATUS_FAILED,
        outputs=to_fields(outputs or {}),
    )


def _fates(comparison: Comparison, model: str) -> dict[Fate, int]:
    return {fate: count for (pair, fate), count in comparison.fates.items() if pair == Pair("wine", model)}


@pytest.mark.parametrize(
    "order", [(CANARY, CHAMPION, RIVAL), (CHAMPION, RIVAL, CANARY), (RIVAL, CANARY, CHAMPION)]
)
def test_every_model_is_compared_in_whatever_order_scores_come(order: tuple[str, ...]) -> None:
    outputs = {CANARY: 5.0, CHAMPION: 6.5, RIVAL: 4.0}
    comparison = _comparison()

    for model in order:
        comparison.add(0, _score("r1", model, {"quality": outputs[model]}), 0)

    champion = comparison.deltas[Pair("wine", CHAMPION)]["quality"]
    rival = comparison.deltas[Pair("wine", RIVAL)]["quality"]
    assert (champion.count, champion.mean, champion.mean_absolute) == (1, 1.5, 1.5)
    assert (rival.count, rival.mean, rival.mean_absolute) == (1, -1.0, 1.0)
    assert comparison.waiting == 0


def test_texts_are_compared_by_agreement() -> None:
    comparison = _comparison()
    for number, grade in enumerate(["good", "good", "poor", "good"]):
        comparison.add(0, _score(f"r{number}", CANARY, {"grade": "good"}), 0)
        comparison.add(0, _score(f"r{number}", CHAMPION, {"grade": grade}), 0)

    deltas = comparison.deltas[Pair("wine", CHAMPION)]["grade"]
    assert (deltas.alike, deltas.agreement, deltas.mean) == (4, 0.75, None)


@pytest.mark.parametrize(
    ("model", "canary", "counted"),
    [
        ({"x": 1.0}, {"x": "one"}, "unlike"),
        ({"x": True}, {"x": 1}, "unlike"),
        ({"x": 1e308}, {"x": -1e308}, "unlike"),
        ({}, {"x": 1.0}, "absent"),
        ({"x": 1.0}, {}, "absent"),
        ({"x": None}, {"x": 1.0}, "absent"),
        ({"x": 1}, {"x": 2.0}, "count"),
        ({"x": b"a"}, {"x": b"b"}, "alike"),
    ],
)
def test_outputs_that_do_not_pair_are_counted_apart(
    model: dict[str, object], canary: dict[str, object], counted: str
) -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", CANARY, canary), 0)
    comparison.add(0, _score("r1", CHAMPION, model), 0)

    deltas = comparison.deltas[Pair("wine", CHAMPION)]["x"]
    counts = {name: getattr(deltas, name) for name in ("count", "alike", "unlike", "absent")}
    assert counts == {**dict.fromkeys(counts, 0), counted: 1}


def test_a_model_whose_score_does_not_come_is_missing_when_the_time_is_up() -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", CANARY, {"quality": 5.0}), 0)
    assert comparison.next_time() == AGE_US

    comparison.expire(AGE_US - 1)
    assert _fates(comparison, CHAMPION) == {}
    comparison.expire(AGE_US)

    assert _fates(comparison, CHAMPION) == {Fate.MISSING: 1}
    assert comparison.next_time() is None


def test_a_score_after_the_time_is_late_and_opens_nothing() -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", CANARY, {"quality": 5.0}), 0)
    comparison.expire(AGE_US)

    comparison.add(0, _score("r1", CHAMPION, {"quality": 5.0}), AGE_US)

    assert _fates(comparison, CHAMPION) == {Fate.MISSING: 1, Fate.LATE: 1}
    assert comparison.waiting == 0


def test_without_the_canary_s_score_nothing_is_compared() -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", CHAMPION, {"quality": 5.0}), 0)
    comparison.expire(AGE_US)

    assert _fates(comparison, CHAMPION) == {Fate.NO_CANARY: 1}
    assert _fates(comparison, CANARY) == {Fate.MISSING: 1}


@pytest.mark.parametrize("canary_first", [True, False])
def test_a_canary_that_failed_compares_nothing(*, canary_first: bool) -> None:
    comparison = _comparison()
    scores = [_score("r1", CANARY), _score("r1", CHAMPION, {"quality": 5.0})]
    for score in scores if canary_first else reversed(scores):
        comparison.add(0, score, 0)

    assert _fates(comparison, CANARY) == {Fate.FAILED: 1}
    assert _fates(comparison, CHAMPION) == {Fate.NO_CANARY: 1}
    assert not comparison.deltas


def test_a_failed_score_is_counted_and_not_missing() -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", CHAMPION), 0)
    comparison.expire(AGE_US)

    assert _fates(comparison, CHAMPION) == {Fate.FAILED: 1}


def test_a_repeated_score_counts_once_before_and_after_the_request_is_closed() -> None:
    comparison = _comparison()
    for _ in range(2):
        comparison.add(0, _score("r1", CHAMPION, {"quality": 6.0}), 0)
    comparison.add(0, _score("r1", CANARY, {"quality": 5.0}), 0)
    comparison.add(0, _score("r1", RIVAL, {"quality": 5.0}), 0)
    comparison.add(0, _score("r1", CHAMPION, {"quality": 6.0}), 0)
    comparison.add(0, _score("r1", CANARY, {"quality": 5.0}), 0)

    assert _fates(comparison, CHAMPION) == {Fate.COMPARED: 1, Fate.DUPLICATE: 2}
    assert comparison.deltas[Pair("wine", CHAMPION)]["quality"].count == 1


def test_a_model_that_the_revision_does_not_name_is_unexpected() -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", "stranger@1", {"quality": 5.0}), 0)

    assert _fates(comparison, "stranger@1") == {Fate.UNEXPECTED: 1}
    assert comparison.waiting == 0


def test_scores_of_a_route_without_this_canary_are_none_of_its_business() -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", CHAMPION, {"quality": 5.0}, route="beer"), 0)

    assert (comparison.waiting, dict(comparison.fates)) == (0, {})


def test_the_oldest_request_gives_way_when_too_many_wait() -> None:
    comparison = _comparison(max_requests=10)
    for number in range(1_000):
        comparison.add(0, _score(f"r{number}", CHAMPION, {"quality": 5.0}), 0)

    assert comparison.waiting == 10
    assert _fates(comparison, CHAMPION) == {Fate.NO_CANARY: 990}


def test_outputs_beyond_a_bound_are_not_kept() -> None:
    comparison = _comparison()
    for number in range(300):
        comparison.add(0, _score(f"r{number}", CANARY, {}), 0)
        comparison.add(0, _score(f"r{number}", CHAMPION, {f"x{number}": 1.0}), 0)

    assert len(comparison.deltas[Pair("wine", CHAMPION)]) == 100


def test_what_waits_in_a_partition_that_is_taken_away_is_forgotten() -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", CHAMPION, {"quality": 5.0}), 0)
    comparison.add(1, _score("r2", CHAMPION, {"quality": 5.0}), 0)

    comparison.drop([0])
    comparison.expire(AGE_US)

    assert _fates(comparison, CHAMPION) == {Fate.NO_CANARY: 1}


def test_the_report_has_each_model_s_fates_and_outputs() -> None:
    comparison = _comparison()
    comparison.add(0, _score("r1", CANARY, {"quality": 5.0, "grade": "good"}), 0)
    comparison.add(0, _score("r1", CHAMPION, {"quality": 5.5, "grade": "good"}), 0)

    shown = comparison_json(comparison)

    champion = shown["routes"]["wine"][CHAMPION]
    assert (shown["waiting"], champion["compared"], champion["late"]) == (1, 1, 0)
    assert champion["outputs"]["quality"] == {
        "unlike": 0,
        "absent": 0,
        "count": 1,
        "mean_delta": 0.5,
        "mean_absolute_delta": 0.5,
        "largest_delta": 0.5,
        "p50_delta": pytest.approx(0.5, rel=0.01),
        "p99_delta": pytest.approx(0.5, rel=0.01),
    }
    assert champion["outputs"]["grade"] == {"unlike": 0, "absent": 0, "compared": 1, "agreement": 1.0}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5), st.sampled_from([CANARY, CHAMPION, RIVAL]), st.booleans(), st.integers(0, 400)
        ),
        max_size=60,
    )
)
def test_every_score_has_exactly_one_fate_whatever_the_order(
    course: list[tuple[int, str, bool, int]],
) -> None:
    comparison, now = _comparison(max_requests=3), 0
    for request, model, ok, pause in course:
        now += pause
        comparison.expire(now)
        comparison.add(0, _score(f"r{request}", model, {"x": 1.0} if ok else None), now)
    comparison.expire(now + AGE_US)

    for model in (CHAMPION, RIVAL):
        fates = _fates(comparison, model)
        assert sum(count for fate, count in fates.items() if fate is not Fate.MISSING) == sum(
            each[1] == model for each in course
        )
    assert comparison.waiting == 0

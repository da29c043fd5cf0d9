"""What decisions say of a candidate, metric by metric."""

import math

import pytest
from rendezvous_contracts.gates import METRICS
from rendezvous_contracts.values import Plain
from rendezvous_control.bounds import Estimate
from rendezvous_control.deltas import difference
from rendezvous_control.measuring import Contest, Measurement
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import ScoreStatus
from scoring.v1.value_pb2 import Tensor

from tests.support.decisions import BUDGET_US, decision, score

NEW, OLD, CANARY = "new@1", "old@1", "canary@1"
Z = 1.96


def measured(*decisions: Decision, times: int = 1) -> Measurement:
    measurement = Measurement(Contest("wine", NEW, OLD, CANARY))
    for _ in range(times):
        for each in decisions:
            measurement.add(each)
    return measurement


def value(measurement: Measurement, metric: str, against: str = "") -> float:
    return estimate(measurement, metric, against).value


def estimate(measurement: Measurement, metric: str, against: str = "") -> Estimate:
    return measurement.estimates(Z)[metric, against]


def test_every_metric_that_a_gate_can_name_is_measured() -> None:
    said = {"quality": 5.0, "colour": "red"}
    found = measured(decision(score(NEW, said), score(OLD, said), score(CANARY, said))).estimates(Z)

    assert set(found) == {(metric, against) for metric, known in METRICS.items() for against in known}


def test_of_nothing_there_is_no_estimate() -> None:
    assert measured().estimates(Z) == {}


def test_a_candidate_is_compared_with_champion_and_canary_on_the_same_request() -> None:
    one = decision(score(NEW, 5.0), score(OLD, 4.0), score(CANARY, 2.0))
    other = decision(score(NEW, 5.0), score(OLD, 8.0), score(CANARY, 5.0))
    measurement = measured(one, other)

    assert value(measurement, "mean_abs_delta", "champion") == 2.0
    assert value(measurement, "mean_abs_delta", "canary") == 1.5
    assert estimate(measurement, "mean_abs_delta", "canary").samples == 2


def test_a_request_that_one_of_the_two_did_not_score_is_not_compared() -> None:
    failed = score(OLD, status=ScoreStatus.SCORE_STATUS_FAILED)
    measurement = measured(decision(score(NEW), failed, score(CANARY)), decision(score(NEW), score(CANARY)))

    assert ("mean_abs_delta", "champion") not in measurement.estimates(Z)
    assert estimate(measurement, "mean_abs_delta", "canary").samples == 2


def test_latency_counts_from_the_arrival_of_the_request() -> None:
    fast, slow = decision(score(NEW, after_us=4_000)), decision(score(NEW, after_us=40_000))
    measurement = measured(*[fast] * 90, *[slow] * 10, times=10)

    assert value(measurement, "p50_ms") == pytest.approx(4.0, rel=0.02)
    assert value(measurement, "p99_ms") == pytest.approx(40.0, rel=0.02)


@pytest.mark.parametrize(
    ("said", "errors", "late", "scored"),
    [
        (score(NEW), 0, 0, 1),
        (score(NEW, after_us=BUDGET_US - 1), 0, 0, 1),
        (score(NEW, after_us=BUDGET_US), 0, 1, 1),
        (score(NEW, status=ScoreStatus.SCORE_STATUS_FAILED), 1, 0, 0),
        (score(NEW, status=ScoreStatus.SCORE_STATUS_INVALID_INPUT), 1, 0, 0),
        (score(NEW, status=ScoreStatus.SCORE_STATUS_NOT_READY), 1, 0, 0),
        (score(NEW, status=ScoreStatus.SCORE_STATUS_EXPIRED), 0, 1, 0),
        (None, 0, 1, 0),
    ],
)
def test_a_score_is_late_or_failed_or_neither(said: object, errors: int, late: int, scored: int) -> None:
    others = (score(OLD), score(CANARY))
    asked = decision(*others) if said is None else decision(*others, said)  # type: ignore[arg-type]
    measurement = measured(asked)

    assert value(measurement, "error_rate") == errors
    assert value(measurement, "late_rate") == late
    assert measurement.scored == scored


def test_a_score_that_never_came_took_longer_than_any() -> None:
    missing = decision(score(OLD), missing=(NEW,))
    measurement = measured(*[decision(score(NEW))] * 90, *[missing] * 10, times=10)

    assert value(measurement, "p99_ms") == math.inf
    assert estimate(measurement, "p99_ms").low == math.inf
    assert value(measurement, "p50_ms") == pytest.approx(5.0, rel=0.02)


def test_a_failure_is_no_fast_score() -> None:
    failed = decision(score(OLD), score(NEW, after_us=1, status=ScoreStatus.SCORE_STATUS_FAILED))

    assert ("p50_ms", "") not in measured(failed).estimates(Z)


def test_a_request_that_nobody_scored_in_time_is_nobodys_fault() -> None:
    stalled = decision(score(OLD, after_us=BUDGET_US + 1), missing=(NEW, CANARY))
    measurement = measured(stalled, times=3)

    assert (measurement.untold, measurement.requests) == (3, 0)
    assert measurement.estimates(Z) == {}


def test_a_sender_whose_clock_is_fast_makes_no_score_late() -> None:
    asked = decision(score(NEW, after_us=10_000), score(OLD))
    asked.answer.sent_at_us += 10 * BUDGET_US

    assert value(measured(asked), "late_rate") == 0


def test_memory_does_not_grow_with_what_is_counted() -> None:
    measurement = measured(times=0)
    for number in range(1, 5_000):
        apart = float(number) ** 3
        measurement.add(decision(score(NEW, apart, after_us=number), score(OLD, 0.0), score(CANARY, -apart)))

    bins = [measurement._latency.sketch.bins]
    bins += [each.distances.sketch.bins for each in measurement._against.values()]
    assert max(map(len, bins)) < 2_900


@pytest.mark.parametrize(
    ("one", "other", "largest", "disagrees"),
    [
        ({"q": 5.0}, {"q": 4.0}, 1.0, None),
        ({"q": 5}, {"q": 4.5}, 0.5, None),
        ({"q": 5.0, "p": 1.0}, {"q": 5.5, "p": 0.0}, 1.0, None),
        ({"c": "red"}, {"c": "red"}, None, False),
        ({"c": "red"}, {"c": "blue"}, None, True),
        ({"f": True}, {"f": False}, None, True),
        ({"q": 1.0, "c": "red"}, {"q": 1.0, "c": "red"}, 0.0, False),
        ({"q": 1.0}, {"q": 1.0, "c": "red"}, 0.0, True),
        ({"q": 1.0}, {"q": "1"}, None, True),
        ({"q": None}, {"q": 1.0}, None, True),
        ({"t": Tensor(shape=[2], numbers=[1, 2])}, {"t": Tensor(shape=[2], numbers=[1, 5])}, 3.0, None),
        ({"t": Tensor(shape=[1], numbers=[1])}, {"t": Tensor(shape=[2], numbers=[1, 5])}, None, True),
        ({"q": 1.7e308}, {"q": -1.7e308}, math.nextafter(math.inf, 0), None),
        ({}, {}, None, None),
    ],
)
def test_outputs_differ_by_their_farthest_numbers_and_else_by_agreeing(
    one: dict[str, Plain], other: dict[str, Plain], largest: float | None, disagrees: bool | None
) -> None:
    found = difference(one, other)

    assert (found.largest, found.disagrees) == (largest, disagrees)
    assert difference(other, one) == found

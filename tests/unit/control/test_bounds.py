"""Bounds hold what they promise: against exact tables, and as often as they say."""

import math
from random import Random

import pytest
from rendezvous_control.bounds import Mean, count_high, count_low, quantile_ranks, share_of

Z = 1.96


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Exact 95 % limits of a Poisson count (Garwood 1936).
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (100, 81.364, 121.627)],
)
def test_bounds_of_a_count_are_close_to_the_exact_ones(count: int, low: float, high: float) -> None:
    assert count_low(count, Z) == pytest.approx(low, rel=0.02, abs=0.02)
    assert count_high(count, Z) == pytest.approx(high, rel=0.02)


def test_more_of_the_same_share_is_known_better() -> None:
    few, many = share_of(1, 100, Z), share_of(100, 10_000, Z)

    assert few.value == many.value == 0.01
    assert few.low < many.low < 0.01 < many.high < few.high


def test_a_share_is_never_more_than_all() -> None:
    all_of_them = share_of(3, 3, Z)

    assert (all_of_them.value, all_of_them.high) == (1.0, 1.0)
    assert 0 < all_of_them.low < 1


def test_one_accident_does_not_show_a_rare_thing_to_be_frequent() -> None:
    assert share_of(1, 1, 4.0).low < 0.001
    assert share_of(20, 40, 4.0).low > 0.001


@pytest.mark.parametrize(("samples", "known"), [(100, False), (366, False), (380, True)])
def test_a_p99_has_a_high_end_only_where_enough_was_seen(samples: int, known: bool) -> None:
    # Of n samples, all are below the quantile with a probability of 0.99^n: at 367 that is 2.5 %.
    _, high = quantile_ranks(0.99, samples, Z)

    assert (high <= samples) is known


def test_the_ranks_of_a_median_lie_around_its_own() -> None:
    low, high = quantile_ranks(0.5, 1_000, Z)

    assert 450 <= low < 500 < high <= 550


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_the_ends_of_a_quantile_hold_the_true_one_as_often_as_promised(share: float) -> None:
    random, runs, samples = Random(3), 400, 800  # noqa: S311 - no secret
    true = -math.log(1 - share)
    low, high = quantile_ranks(share, samples, Z)
    held = 0
    for _ in range(runs):
        drawn = sorted(random.expovariate(1.0) for _ in range(samples))
        held += drawn[low - 1] <= true <= drawn[high - 1]

    assert held / runs > 0.93


def test_the_ends_of_a_mean_hold_the_true_one_as_often_as_promised() -> None:
    random, runs = Random(5), 500  # noqa: S311 - no secret
    held = 0
    for _ in range(runs):
        mean = Mean()
        for _ in range(200):
            mean.add(abs(random.gauss(0.0, 1.0)))
        estimate = mean.estimate(Z)
        held += estimate.low <= math.sqrt(2 / math.pi) <= estimate.high

    assert held / runs > 0.92


def test_a_few_numbers_say_nothing_of_their_mean() -> None:
    mean = Mean()
    for _ in range(29):
        mean.add(4.0)
    assert (mean.estimate(Z).low, mean.estimate(Z).high) == (0.0, math.inf)

    mean.add(4.0)
    assert (mean.estimate(Z).low, mean.estimate(Z).high) == (4.0, 4.0)

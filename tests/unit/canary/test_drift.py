"""The alarm is raised when differences are spread in another way, and not by chance."""

from random import Random

import pytest
from rendezvous_canary.drift import WINDOW, Drift, stability


def spread(seed: int, mean: float = 0.0, width: float = 1.0) -> list[float]:
    random = Random(seed)  # noqa: S311 - explores, protects nothing
    return [random.gauss(mean, width) for _ in range(WINDOW)]


def drifted(*windows: list[float]) -> Drift:
    drift = Drift()
    for window in windows:
        for delta in window:
            drift.add(delta)
    return drift


def test_nothing_is_said_before_the_first_window_after_the_reference_is_full() -> None:
    assert drifted(spread(1)).psi is None
    assert drifted(spread(1), spread(2)[:-1]).psi is None
    assert not drifted(spread(1)).alarm


@pytest.mark.parametrize("seed", range(20))
def test_the_same_spread_raises_no_alarm(seed: int) -> None:
    drift = drifted(spread(seed), spread(seed + 100))
    assert drift.psi is not None
    assert drift.psi < 0.1


@pytest.mark.parametrize(("mean", "width"), [(1.0, 1.0), (-1.0, 1.0), (0.0, 3.0), (0.0, 0.2)])
def test_a_moved_wider_or_narrower_spread_raises_it(mean: float, width: float) -> None:
    assert drifted(spread(1), spread(2, mean, width)).alarm


def test_the_alarm_ends_when_the_differences_are_what_they_were() -> None:
    assert not drifted(spread(1), spread(2, 1.0), spread(3)).alarm


@pytest.mark.parametrize("moved", [0.5, -0.5])
def test_a_constant_that_moves_to_either_side_raises_it(moved: float) -> None:
    assert not drifted([0.0] * WINDOW, [0.0] * WINDOW).alarm
    assert drifted([0.0] * WINDOW, [moved] * WINDOW).alarm


def test_the_index_is_that_of_its_definition() -> None:
    # By hand: (0.6 - 0.4) ln(0.6 / 0.4) + (0.4 - 0.6) ln(0.4 / 0.6) = 0.4 ln 1.5
    assert stability([40, 60], [60, 40]) == pytest.approx(0.16218604)
    assert stability([40, 60], [40, 60]) == 0.0

"""Two things measured in turns."""

from collections.abc import Iterator, Sequence

import pytest

from bench.turns import percentile, take_turns


def turn(name: str, values: Iterator[int], order: list[str]) -> Sequence[int]:
    order.append(name)
    return [next(values)] * 3


def test_what_is_compared_was_measured_one_after_the_other_and_each_begins_in_turn() -> None:
    order: list[str] = []
    ours, bare = iter([30, 20, 90]), iter([10, 10, 60])

    turns = take_turns(lambda: turn("ours", ours, order), lambda: turn("bare", bare, order), 3)

    assert order == ["ours", "bare", "bare", "ours", "ours", "bare"]
    # The medians alone would say 30 to 10: the machine was slow in the last turn, for both.
    assert (turns.first(50), turns.second(50), turns.ratio(50)) == (30, 10, 2)


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100)])
def test_a_percentile_is_told_of_each_turn(percent: int, expected: int) -> None:
    turns = take_turns(lambda: range(1, 101), lambda: [1], 1)

    assert turns.first(percent) == percentile(range(1, 101), percent) == expected
    assert turns.ratio(percent) == expected

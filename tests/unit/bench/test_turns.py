"""What is compared, measured in turns."""

from collections.abc import Iterator, Sequence

import pytest

from bench.turns import percentile, take_rounds, take_turns, typical


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


def test_how_far_a_percentile_moves_is_told_of_what_was_measured_one_after_the_other() -> None:
    ours, bare = iter([30, 20, 90]), iter([10, 15, 95])

    turns = take_turns(lambda: [next(ours)], lambda: [next(bare)], 3)

    assert turns.moved(50) == 5  # of 20, 5 and -5; the medians alone would say 30 to 15
    assert turns.moved_most(50) == 20


def test_what_comes_and_goes_has_quiet_turns_before_and_after_it() -> None:
    order: list[str] = []
    loads, quiet = iter([50, 70]), iter([1, 2, 3, 4, 5, 6])

    rounds = take_rounds(lambda: turn("load", loads, order), lambda: turn("quiet", quiet, order), 2)

    assert order == ["quiet", "quiet", "load", "quiet", "quiet", "load", "quiet", "quiet"]
    assert rounds.something.taken == [([50] * 3, [2, 2, 2, 3, 3, 3]), ([70] * 3, [4, 4, 4, 5, 5, 5])]


def test_quiet_turns_are_compared_with_their_neighbours_only() -> None:
    loads, quiet = iter([100, 100]), iter([10, 12, 40, 39, 10, 14])

    rounds = take_rounds(lambda: [next(loads)], lambda: [next(quiet)], 2)

    assert rounds.nothing.taken == [([12], [10]), ([39], [40]), ([14], [10])]
    assert (rounds.nothing.moved(99), rounds.nothing.moved_most(99)) == (2, 4)


def test_a_disturbance_of_one_turn_does_not_make_what_is_typical() -> None:
    assert typical([[1, 2], [900, 950], [3, 4]], 99) == 4

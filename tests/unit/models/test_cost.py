"""What a model is expected to take, and which rows there is time for."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_models.cost import Cost, in_time


class Task(NamedTuple):
    deadline_us: int


def learned(*batches: tuple[int, int]) -> Cost:
    cost = Cost()
    for rows, took_us in batches:
        cost.learn(rows, took_us)
    return cost


def test_a_line_is_learned_from_batches_of_several_sizes() -> None:
    cost = learned(*((rows, 10_000 + 4_000 * rows) for rows in (1, 20, 5, 60, 10, 40) * 4))

    assert cost.expect_us(30) == pytest.approx(130_000, rel=0.02)
    assert cost.expect_us(200) == pytest.approx(810_000, rel=0.02)


def test_nothing_is_expected_of_who_was_never_asked_and_no_more_of_larger_batches_than_were_seen() -> None:
    assert Cost().expect_us(100) == 0
    assert learned(*[(1, 50_000)] * 20).expect_us(100) == pytest.approx(50_000)


def test_one_slow_batch_is_forgotten_also_if_none_of_its_size_comes_again() -> None:
    usual = [(1, 4_000)] * 30
    cost = learned(*usual, (3, 300_000), *usual)

    assert cost.expect_us(1) < 20_000
    assert cost.expect_us(5) < 40_000


def test_a_model_that_has_become_slow_is_seen_within_some_batches() -> None:
    cost = learned(
        *((rows, 1_000 * rows) for rows in (5, 10, 20) * 10),
        *((rows, 9_000 * rows) for rows in (5, 10, 20) * 5),
    )

    assert cost.expect_us(20) > 120_000


@given(
    st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 10**9)), max_size=50),
    st.lists(st.integers(-(10**7), 10**7), max_size=60),
)
def test_each_row_is_in_time_or_not_and_one_is_always_asked(
    batches: list[tuple[int, int]], left_us: list[int]
) -> None:
    cost = learned(*batches)
    work = [Task(10**15 + left) for left in left_us]

    timely, hopeless = in_time(work, cost, 10**15)

    assert sorted([*timely, *hopeless]) == sorted(work)
    assert bool(timely) == bool(work)
    assert all(early.deadline_us <= late.deadline_us for early in hopeless for late in timely)
    assert cost.expect_us(len(work)) >= 0


PER_ROW = learned(*((rows, 4_000 * rows) for rows in (1, 30, 10, 50) * 10))
AT_ONCE = learned(*((rows, 80_000) for rows in (1, 30, 10, 50) * 10))


@pytest.mark.parametrize(
    ("cost", "left_ms", "asked"),
    [
        pytest.param(PER_ROW, [100, 90, 80], [100, 90, 80], id="there is time for all"),
        # 4 ms each, in 0.8 of the time that the last of them has left.
        pytest.param(PER_ROW, [8, 60, 10, 50, 12, 40], [60, 50, 40], id="the newest, as many as can be"),
        pytest.param(PER_ROW, [2, 3, 1], [3], id="there is time for none: one shows how fast it is now"),
        pytest.param(AT_ONCE, [70, 150, 60], [70, 150, 60], id="who takes as long for all is given all"),
    ],
)
def test_those_that_have_most_time_left_are_asked_if_there_is_not_enough_for_all(
    cost: Cost, left_ms: list[int], asked: list[int]
) -> None:
    timely, _ = in_time([Task(ms * 1_000) for ms in left_ms], cost, 0)

    assert [each.deadline_us // 1_000 for each in timely] == asked

"""A batch that fails is parted, whichever of its rows are bad."""

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rendezvous_models.contract import Failure, Outputs, Row
from rendezvous_models.runtimes.batches import predict_apart


@given(st.lists(st.booleans(), max_size=300))
def test_exactly_the_bad_rows_fail_and_all_are_in_their_order(good: list[bool]) -> None:
    def batch(rows: Sequence[Row]) -> list[Outputs | Failure]:
        if not all(row["good"] for row in rows):
            raise ValueError("a bad row")
        return [{"n": row["n"]} for row in rows]

    found = predict_apart([{"n": n, "good": each} for n, each in enumerate(good)], batch)

    failed = Failure("the model failed: ValueError: a bad row")
    assert found == [{"n": n} if each else failed for n, each in enumerate(good)]


@given(st.integers(1, 600), st.data())
def test_one_bad_row_costs_about_two_calls_for_each_halving(size: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, size - 1))
    calls = 0

    def batch(rows: Sequence[Row]) -> list[Outputs | Failure]:
        nonlocal calls
        calls += 1
        if any(row["n"] == bad for row in rows):
            raise ValueError
        return [{} for _ in rows]

    predict_apart([{"n": n} for n in range(size)], batch)

    assert calls <= 1 + 2 * math.ceil(math.log2(size)) if size > 1 else calls == 1


@given(st.integers(1, 40), st.integers(0, 3))
def test_a_batch_with_rows_too_few_or_too_many_is_no_answer(size: int, more: int) -> None:
    found = predict_apart([{}] * size, lambda rows: [{"x": 1.0}] * (len(rows) + (more or -1)))

    assert all(isinstance(each, Failure) and "outputs for 1 rows" in each.reason for each in found)
    assert len(found) == size

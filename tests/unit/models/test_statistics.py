import random

import pytest
from rendezvous_control.sketch import Sketch
from rendezvous_models.usage import UsageCounter


def test_a_quantile_is_right_to_one_percent_over_many_magnitudes() -> None:
    rng = random.Random(7)  # noqa: S311 - no secret
    values = sorted(10 ** rng.uniform(-6, 9) for _ in range(5_000))
    sketch = Sketch()
    for value in values:
        sketch.add(value)

    for share in (0.01, 0.25, 0.5, 0.9, 0.99, 1.0):
        exact = values[max(0, round(share * len(values)) - 1)]
        assert sketch.quantile(share) == pytest.approx(exact, rel=0.02)


def test_an_empty_sketch_says_nothing_but_0() -> None:
    assert Sketch().quantile(0.5) == 0.0


def test_zeros_count() -> None:
    sketch = Sketch()
    sketch.add(0.0, 3)
    sketch.add(5.0)

    assert sketch.quantile(0.75) == 0.0
    assert sketch.quantile(1.0) == pytest.approx(5.0, rel=0.01)


def test_a_sketch_does_not_grow_with_what_it_counts() -> None:
    sketch = Sketch()
    rng = random.Random(7)  # noqa: S311 - no secret
    for _ in range(50_000):
        sketch.add(10 ** rng.uniform(-300, 300))

    assert len(sketch.bins) < 2_900


def test_merged_sketches_are_the_sketch_of_all() -> None:
    one, other, both = Sketch(), Sketch(), Sketch()
    for number in range(1, 101):
        (one if number % 3 else other).add(number)
        both.add(number)

    one.merge(other)

    assert one.bins == both.bins


def test_usage_is_counted_by_row() -> None:
    usage = UsageCounter()
    usage.add(4, 1, 400)
    usage.add(1, 0, 1_000)

    message = usage.to_message()

    assert (message.count, message.failed, message.duration_us) == (5, 1, 1_400)
    assert (message.min_us, message.max_us) == (100, 1_000)
    assert message.p50_us == pytest.approx(100, rel=0.02)
    assert message.p99_us == pytest.approx(1_000, rel=0.02)

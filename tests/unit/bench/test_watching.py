"""The rate of a run, from looks at the ends of a topic."""

import pytest

from bench.errors import BenchError
from bench.watching import Sample, middle_rate


def steady(per_s: int, looks: int, *, start_s: float = 0.0, cpu_us: float = 10.0) -> list[Sample]:
    """Looks every 20 ms at a topic that grows steadily after a start in which it does not."""
    samples = []
    for look in range(looks):
        at = look * 0.02
        records = int(max(0.0, at - start_s) * per_s)
        samples.append(Sample(at, (records,), 1.0 + records * cpu_us / 1e6))
    return samples


def test_a_steady_rate_is_found() -> None:
    rate = middle_rate(steady(50_000, 100))

    assert rate.per_s == pytest.approx(50_000)
    assert rate.cpu_us == pytest.approx(10.0)


def test_a_slow_start_does_not_count() -> None:
    assert middle_rate(steady(50_000, 100, start_s=1.0)).per_s == pytest.approx(50_000, rel=0.01)


def test_a_slow_end_does_not_count() -> None:
    samples = steady(50_000, 100)
    dry = [Sample(samples[-1].at + each, samples[-1].counts, samples[-1].cpu_s) for each in range(1, 5)]

    assert middle_rate(samples + dry).per_s == pytest.approx(50_000)


def test_each_topic_has_its_own_rate() -> None:
    samples = [
        Sample(each.at, (each.counts[0], 2 * each.counts[0]), each.cpu_s) for each in steady(1_000, 99)
    ]

    assert middle_rate(samples, 1).per_s == pytest.approx(2 * middle_rate(samples, 0).per_s)


@pytest.mark.parametrize("looks", [0, 1, 5])
def test_too_few_looks_are_an_error_that_says_what_to_do(looks: int) -> None:
    with pytest.raises(BenchError, match="measure more records"):
        middle_rate(steady(50_000, looks))


def test_a_topic_that_does_not_grow_is_an_error() -> None:
    with pytest.raises(BenchError, match="no record was written"):
        middle_rate([Sample(look * 0.02, (0,), 1.0) for look in range(50)])

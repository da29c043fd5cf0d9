"""Histograms of plain integers: every edge is exact, nothing falls, and buckets link to traces."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import HistogramMetricFamily
from rendezvous_runtime.families import OTHER, Family, Names
from rendezvous_runtime.histograms import Histogram, Part, Seen, add_series

VALUES = st.lists(st.integers(0, 200), max_size=50)
EDGES = st.sets(st.integers(1, 150), min_size=1, max_size=8)


def buckets(*parts: Part, edges: list[float]) -> dict[str, float]:
    family = HistogramMetricFamily("h", "h", labels=[])
    add_series(family, (), edges, parts)
    return {each.labels["le"]: each.value for each in family.samples if each.name.endswith("_bucket")}


@given(values=VALUES, edges=EDGES)
def test_a_bucket_counts_what_is_up_to_and_with_its_edge(values: list[int], edges: set[int]) -> None:
    histogram = Histogram(edges)
    for value in values:
        histogram.add(value)

    below = histogram.reading().below

    assert below == {edge: sum(value <= edge for value in values) for edge in edges}
    assert histogram.total == sum(values)


@given(before=VALUES, after=VALUES, edges=EDGES, cut=st.integers(1, 150))
def test_an_edge_that_is_cut_later_is_exact_from_then_on_and_no_count_falls(
    before: list[int], after: list[int], edges: set[int], cut: int
) -> None:
    histogram = Histogram(edges)
    for value in before:
        histogram.add(value)
    was = histogram.reading().below
    histogram.cut(cut)
    begun = histogram.reading().below
    for value in after:
        histogram.add(value)

    now = histogram.reading().below

    assert begun | was == begun
    assert all(now[edge] >= count for edge, count in begun.items())
    assert now[cut] - begun[cut] == sum(value <= cut for value in after)
    assert sorted(now.values()) == [now[edge] for edge in sorted(now)]


def test_a_series_adds_up_parts_of_different_scales() -> None:
    fast, slow = Histogram({50_000, 25_000}), Histogram({200_000, 100_000})
    fast.add(50_000)
    fast.add(50_001)
    slow.add(100_000)
    parts = (Part(fast, [25_000, 50_000], 50_000), Part(slow, [100_000, 200_000], 200_000))

    assert buckets(*parts, edges=[0.5, 1.0]) == {"0.5": 1.0, "1.0": 2.0, "+Inf": 3.0}


def test_a_bucket_has_the_newest_of_its_traces() -> None:
    histogram = Histogram({1_000_000, 2_000_000})
    for at_us, trace_id in ((1, "a"), (2, "b"), (3, "c")):
        histogram.add(1_500_000)
        histogram.remember(Seen(trace_id, 1_500_000, at_us))
    family = HistogramMetricFamily("h", "h", labels=[])
    add_series(family, (), [1.0, 2.0], [Part(histogram, [1_000_000, 2_000_000])])

    found = {each.labels["le"]: each.exemplar for each in family.samples if each.exemplar}

    assert {le: (each.labels, each.value) for le, each in found.items()} == {"2.0": ({"trace_id": "c"}, 1.5)}


def test_names_that_nobody_knows_and_those_too_many_are_other() -> None:
    known = {f"m{number}@1" for number in range(5)}
    names = Names(lambda: known, most=3)

    labels = [names.label(name) for name in ("stranger", "m0@1", "m1@1", "m2@1", "m3@1", "m0@1")]

    assert labels == [OTHER, "m0@1", "m1@1", "m2@1", OTHER, "m0@1"]


def test_a_counter_is_asked_for_with_its_ending() -> None:
    assert Family("counter", "rendezvous_x", "X.").sample == "rendezvous_x_total"
    assert Family("gauge", "rendezvous_x", "X.").sample == "rendezvous_x"

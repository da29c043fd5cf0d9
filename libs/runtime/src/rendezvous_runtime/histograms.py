"""
Histograms that count in plain integers.

An observation of prometheus_client costs as much as a tenth of a join. Values are whole millionths of their
unit (microseconds, for seconds), so that an edge that is an SLA is exact.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from operator import attrgetter
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from rendezvous_runtime.families import Family

MILLION: Final = 1_000_000
_Bucket = tuple[str, float] | tuple[str, float, Exemplar]


class Seen(NamedTuple):
    """One observation with its trace: the id, the value in millionths, and when, in microseconds."""

    trace_id: str
    value: int
    at_us: int


class Histogram:
    """
    Counts values between *edges*, both in millionths. One thread counts; any reads, at most a value behind.

    An edge's bucket holds the values up to and with it.
    """

    __slots__ = ("_bins", "_seen", "total")

    def __init__(self, edges: Iterable[int]) -> None:
        kept = sorted(set(edges))
        self._bins = (kept, [0] * (len(kept) + 1))  # replaced whole, so that a reader has both
        self._seen: dict[int, Seen] = {}
        self.total = 0

    def add(self, value: int) -> None:
        """Count *value*."""
        edges, counts = self._bins
        counts[bisect_left(edges, value)] += 1
        self.total += value

    def remember(self, seen: Seen) -> None:
        """Keep *seen*, which is counted, as the exemplar of its bucket."""
        edges, _ = self._bins
        place = bisect_left(edges, seen.value)
        self._seen[edges[place] if place < len(edges) else -1] = seen

    def cut(self, edge: int) -> None:
        """
        Have a bucket end at *edge* from now on.

        What was counted around it stays above: a cumulative count never falls. By the counting thread alone.
        """
        edges, counts = self._bins
        if edge not in edges:
            place = bisect_left(edges, edge)
            cut = edges.copy()
            insort(cut, edge)
            self._bins = (cut, [*counts[:place], 0, *counts[place:]])

    def reading(self) -> "Reading":
        """Return what it holds now."""
        edges, counts = self._bins
        cumulative = [*accumulate([*counts])]
        return Reading(dict(zip(edges, cumulative, strict=False)), cumulative[-1], [*self._seen.values()])


class Reading(NamedTuple):
    """How many values were up to each edge, how many in all, and the exemplars."""

    below: dict[int, int]
    number: int
    seen: list[Seen]


class Part(NamedTuple):
    """
    A histogram that is shown as part of a series.

    *edges*: of its buckets those that are shown, one for each bucket of the series. *scale*: how many of its
    units make one of the family's; with an SLA in microseconds, times become shares of that SLA.
    """

    histogram: Histogram
    edges: Sequence[int]
    scale: int = MILLION


class Observed(Collector):
    """
    The one histogram of a *family* without labels, for what happens with every batch.

    *edges* and values are whole; *scale* says how many of their units make one of the family's. One thread
    observes.
    """

    def __init__(
        self, registry: CollectorRegistry, family: Family, edges: Sequence[int], scale: int = MILLION
    ) -> None:
        self._family = family
        self._buckets = [edge / scale for edge in edges]
        self._part = Part(Histogram(edges), edges, scale)
        self.observe: Final = self._part.histogram.add
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Yield the family as it is now."""
        family = self._family.histogram()
        add_series(family, (), self._buckets, [self._part])
        yield family


def add_series(
    family: HistogramMetricFamily, labels: Sequence[str], buckets: Sequence[float], parts: Sequence[Part]
) -> None:
    """Add one series with these *buckets* (upper edges, ascending) to *family*: the sum of its *parts*."""
    readings = [(part, part.histogram.reading()) for part in parts]
    exemplars = [exemplar for part, reading in readings for exemplar in _exemplars(part, reading)]
    shown: list[_Bucket] = []
    for place, bucket in enumerate(buckets):
        number = sum(reading.below[part.edges[place]] for part, reading in readings)
        shown.append(_bucket(_go(bucket), number, _newest(exemplars, place)))
    number = sum(reading.number for _, reading in readings)
    shown.append(_bucket("+Inf", number, _newest(exemplars, len(buckets))))
    total = sum(part.histogram.total / part.scale for part in parts)
    family.add_metric(labels, shown, total)


def _exemplars(part: Part, reading: Reading) -> Iterator[tuple[int, Exemplar]]:
    """Return the exemplars of *part*, each with the place of its bucket."""
    for each in reading.seen:
        exemplar = Exemplar({"trace_id": each.trace_id}, each.value / part.scale, each.at_us / MILLION)
        yield bisect_left(part.edges, each.value), exemplar


def _newest(exemplars: Sequence[tuple[int, Exemplar]], place: int) -> Exemplar | None:
    """Return the newest of *exemplars* in the bucket at *place*, if there is one."""
    found = [exemplar for where, exemplar in exemplars if where == place]
    return max(found, key=attrgetter("timestamp"), default=None)


def _bucket(edge: str, number: int, exemplar: Exemplar | None) -> _Bucket:
    return (edge, float(number), exemplar) if exemplar else (edge, float(number))


def _go(number: float) -> str:
    """Return *number* as the label le has it."""
    return str(floatToGoString(number))  # type: ignore[no-untyped-call]  # it has no types

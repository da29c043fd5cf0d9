"""What was measured: several runs of each figure, and what is told of them."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bench.errors import BenchError


class Ratio(NamedTuple):
    """How one figure stands to another."""

    name: str
    of: str
    to: str


class Target(NamedTuple):
    """What a figure is to reach: at least, or at most, this."""

    value: float
    at_least: bool

    def met(self, value: float) -> bool:
        """Return whether *value* does."""
        return value >= self.value if self.at_least else value <= self.value


CONTAINERS: Final = ("pmml", "onnx", "savedmodel", "savedmodel_wide")
RATIOS: Final = (
    Ratio("ratios.join_to_faust_join", "join_requests_per_s", "faust_join_requests_per_s"),
    Ratio("ratios.join_messages_to_quix", "join_messages_per_s", "quix_passthrough_per_s"),
    Ratio("ratios.join_messages_to_bytewax", "join_messages_per_s", "bytewax_passthrough_per_s"),
    Ratio("ratios.join_messages_to_confluent", "join_messages_per_s", "confluent_passthrough_per_s"),
    *(
        Ratio(
            f"ratios.container_{kind}", f"containers.{kind}_rows_per_s", f"containers.{kind}_bare_rows_per_s"
        )
        for kind in CONTAINERS
    ),
)
TARGETS: Final[Mapping[str, Target]] = {
    "join_requests_per_s": Target(70_000, at_least=True),
    "default_lateness_ms.p99": Target(2.0, at_least=False),
    "ratios.join_to_faust_join": Target(25.0, at_least=True),
    "ratios.join_messages_to_quix": Target(2.0, at_least=True),
    "ratios.join_messages_to_bytewax": Target(1.0, at_least=True),
    "ratios.hops_p50": Target(1.5, at_least=False),
    "ratios.hops_p99": Target(2.0, at_least=False),
    **{f"ratios.container_{kind}": Target(0.8, at_least=True) for kind in CONTAINERS},
    **{f"loading.{kind}_p99_moved_ms": Target(2.0, at_least=False) for kind in CONTAINERS[:3]},
    "containers.pmml_bare_us_per_row": Target(60.0, at_least=False),
    "containers.savedmodel_bare_us_per_row_at_64": Target(5.0, at_least=False),
}


@dataclass
class Results:
    """The runs of every figure, by its name; a dot in a name makes a group in the document."""

    runs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, figures: Mapping[str, float]) -> None:
        """Take in what one run of one case measured."""
        for name, value in figures.items():
            self.runs[name].append(value)

    def medians(self) -> dict[str, float]:
        """Return the median of every figure, and the ratios between medians."""
        found = {name: statistics.median(values) for name, values in self.runs.items()}
        for ratio in RATIOS:
            if ratio.of in found and found.get(ratio.to):
                found[ratio.name] = found[ratio.of] / found[ratio.to]
        return found


def document(results: Results, facts: Mapping[str, object]) -> dict[str, object]:
    """Return all as it is written to the file: medians at the top, the runs below, then the machine."""
    flat = {name: _short(value) for name, value in results.medians().items()}
    spread = {
        name: {"min": _short(min(runs)), "max": _short(max(runs)), "runs": [_short(each) for each in runs]}
        for name, runs in results.runs.items()
    }
    return {**_grouped(flat), "spread": spread, "machine": dict(facts)}


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of *values* that at least *share* of them do not exceed."""
    if not values:
        raise BenchError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _grouped(flat: Mapping[str, float]) -> dict[str, object]:
    """Return *flat* with a.b as {a: {b: ...}}."""
    grouped: dict[str, object] = {}
    for name, value in flat.items():
        group, _, inner = name.rpartition(".")
        if group:
            inside = grouped.setdefault(group, {})
            if isinstance(inside, dict):
                inside[inner] = value
        else:
            grouped[name] = value
    return grouped


def _short(value: float) -> float:
    """Return *value* with as many digits as it deserves."""
    return round(value) if abs(value) >= 1_000 else round(value, 3)

"""The result as a JSON document and as tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from examples.wine.demo.counting import TOLERANCE_MS, Counts
from examples.wine.demo.figures import Figures, Quantiles
from examples.wine.demo.revisions import Revisions
from examples.wine.demo.story import Event


@dataclass(frozen=True)
class Result:
    """One run: what was counted and measured, what happened, and which criteria were not met."""

    counts: Counts
    figures: Figures
    revisions: Revisions
    events: Sequence[Event]
    failures: Sequence[str]
    behind: Quantiles
    standstills: Quantiles
    first_wine_us: int
    setting: Mapping[str, object]


def document(result: Result) -> dict[str, object]:
    """Return *result* for build/demo.json."""
    counts, figures, revisions = result.counts, result.figures, result.revisions
    return {
        "passed": not result.failures,
        "failures": list(result.failures),
        "sent": counts.sent,
        "answered": counts.answered,
        "within_sla": counts.within_sla,
        "duplicates": counts.duplicates,
        "lost": len(counts.lost),
        "by_tier": {str(tier): number for tier, number in counts.by_tier.items()},
        "by_source": dict(counts.by_source),
        "by_model": dict(counts.by_model),
        "by_way": dict(counts.by_way),
        "late_scores": figures.late_scores,
        "archived": counts.archived,
        "archived_decisions": counts.archived_decisions,
        "dead_letters": counts.dead_letters,
        "tolerance_ms": TOLERANCE_MS,
        "after_deadline": len(counts.late),
        "worst_late_ms": round(max((by.by_ms for by in counts.late.values()), default=0.0), 3),
        "late_while_the_machine_stood_still": counts.by_the_machine,
        "overtaken_by_the_gateways_timer": len(counts.overtaken),
        "standstills": {"number": result.standstills.number, "worst_ms": result.standstills.max},
        "latency_ms": _plain(figures.latency),
        "behind_ms": _plain(result.behind),
        "http_latency_ms": _plain(figures.http),
        "model_latency_ms": {model: _plain(found) for model, found in figures.models.items()},
        "score_statuses": {model: dict(found) for model, found in figures.statuses.items()},
        "canary": {model: delta._asdict() for model, delta in figures.deltas.items()},
        "revisions": {
            str(number): {"answered": revisions.answered[number], "models": dict(models)}
            for number, models in revisions.models.items()
        },
        "switches": [
            {
                "revision": switch.revision,
                "partition": switch.partition,
                "offset": switch.offset,
                "at_s": _since(result, switch.at_us),
            }
            for switch in revisions.switches
        ],
        "events": [event._asdict() for event in result.events],
        **result.setting,
    }


def busy(result: Result) -> str:
    """Return, in words, how busy the machine was with other work."""
    setting = result.setting
    return (
        f"The machine: {setting['cpus']} CPUs, load average {setting['load_average']:.1f}; "
        f"the demo's own timer was up to {result.behind.max:.0f} ms late (p99 {result.behind.p99:.0f} ms), "
        f"and a process that only waits up to {result.standstills.max:.0f} ms."
    )


def tables(result: Result) -> Iterator[Table]:
    """Yield *result* as tables."""
    yield _summary(result)
    yield _answers(result.counts)
    yield _latencies(result.figures)
    yield _canary(result.figures)
    yield _revisions(result)
    yield _events(result)


def _summary(result: Result) -> Table:
    counts = result.counts
    sla = result.setting["sla_ms"]
    table = Table("what", "requests", title="Every wine, from the log and the archive")
    for what, number in (
        ("sent", counts.sent),
        ("answered", counts.answered),
        (f"inside the SLA ({sla} ms + {TOLERANCE_MS} ms tolerance)", counts.within_sla),
        (
            "after the deadline, inside the tolerance",
            sum(by.by_ms <= TOLERANCE_MS for by in counts.late.values()),
        ),
        ("after it by no more than that and what the machine stood still", counts.by_the_machine),
        ("answered to the caller by the gateway's timer meanwhile", len(counts.overtaken)),
        ("answered twice", counts.duplicates),
        ("lost", len(counts.lost)),
        ("archived", counts.archived),
        ("archived decisions", counts.archived_decisions),
        ("scores that came after the answer", result.figures.late_scores),
        ("dead letters", counts.dead_letters),
    ):
        table.add_row(what, str(number))
    return table


def _answers(counts: Counts) -> Table:
    table = Table("by", "which", "answers", title="Answers")
    for by, found in (
        ("tier", {str(tier) if tier else "none": number for tier, number in counts.by_tier.items()}),
        ("source", counts.by_source),
        ("model", counts.by_model),
        ("way", counts.by_way),
    ):
        for which, number in found.items():
            table.add_row(by, which, str(number))
        table.add_section()
    return table


def _latencies(figures: Figures) -> Table:
    table = Table("from the request to", "count", "p50", "p99", "max", title="Latency, ms")
    table.add_row("its answer", *_cells(figures.latency))
    table.add_row("its answer at the HTTP caller", *_cells(figures.http))
    for model, found in figures.models.items():
        table.add_row(f"the score of {model}", *_cells(found))
    return table


def _canary(figures: Figures) -> Table:
    table = Table(
        "model", "compared", "mean", "mean abs", title="Quality, less the canary's on the same wine"
    )
    for model, delta in figures.deltas.items():
        table.add_row(model, str(delta.number), f"{delta.mean:+.4f}", f"{delta.mean_abs:.4f}")
    return table


def _revisions(result: Result) -> Table:
    table = Table("revision", "answered", "by", "first stamped", title="Revisions of the route")
    for number, models in result.revisions.models.items():
        by = ", ".join(f"{model} {count}" for model, count in models.items())
        at = [_since(result, each.at_us) for each in result.revisions.switches if each.revision == number]
        seen = f"{min(at):.2f} to {max(at):.2f} s, on {len(at)} partitions" if at else "-"
        table.add_row(str(number), str(result.revisions.answered[number]), by, seen)
    return table


def _events(result: Result) -> Table:
    table = Table("at", "what", title="What happened")
    for event in result.events:
        table.add_row(f"{event.at_s:.2f} s", event.text)
    return table


def _since(result: Result, at_us: int) -> float:
    return round((at_us - result.first_wine_us) / 1e6, 3)


def _cells(found: Quantiles) -> tuple[str, str, str, str]:
    return str(found.number), f"{found.p50:.1f}", f"{found.p99:.1f}", f"{found.max:.1f}"


def _plain(found: Quantiles) -> dict[str, float]:
    return found._asdict()

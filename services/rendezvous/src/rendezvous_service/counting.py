"""What the data thread of the rendezvous counts, and how it is shown."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from rendezvous_contracts.routes import scoring_models
from rendezvous_engine.engine import Effects
from rendezvous_engine.mailbox import Mailbox
from rendezvous_engine.outcomes import InputOutcome, ScoreOutcome
from rendezvous_engine.verdicts import Verdict
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.families import OTHER, Names
from rendezvous_runtime.histograms import MILLION, Histogram, Part, Seen, add_series
from rendezvous_runtime.metrics import SECONDS_US
from rendezvous_runtime.traced import Traced
from scoring.v1.answer_pb2 import Source
from scoring.v1.status_pb2 import ModelUse, Status

from rendezvous_service.metrics import (
    ANSWER_SECONDS,
    ANSWERS,
    BEHIND,
    DECISIONS,
    INPUTS,
    MISSING,
    OPEN,
    SCORES,
    SLA_USED,
)
from rendezvous_service.schedule_use import ScheduleUse, TierUse

_SHARES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 5.0)
# Verdicts known by identity: those of revisions long gone are let go of. What they counted stays.
_MOST_VERDICTS: Final = 1_000
# So many of a route are shown, the newest.
_REVISIONS: Final = 10
_SLAS: Final = 5
# Of the outcomes of scores, those that status has; duplicates and the like are metrics only.
_IN_USES: Final = frozenset({"in_time", "late"})


@dataclass(slots=True)
class _Line:
    """What is counted of all answers of a route and a source under one SLA, in microseconds (0: none)."""

    sla_us: int
    elapsed: Histogram


@dataclass(slots=True)
class _Way:
    """One way to decide: how often, of that how often when last looked, and the line of its answers."""

    line: _Line
    use: TierUse
    number: int = 0
    told: int = 0


class RendezvousMetrics(Collector):
    """
    Counts in plain integers, and makes metrics of them when they are asked for.

    An observation of prometheus_client costs as much as a tenth of a whole join. The data thread alone
    counts, also directly in *inputs* (by outcome) and *scores* (by outcome, then model; emptied by *settle*);
    a scrape that reads beside it may be one batch behind.
    """

    def __init__(self, registry: CollectorRegistry, control: ControlView | None = None) -> None:
        self._control = control or ControlView()
        self._models = Names(lambda: self._control.state.models)
        self._ways: dict[Verdict, _Way] = {}
        self._lines: dict[tuple[str, str, int], _Line] = {}
        self._answers: dict[tuple[str, ...], int] = {}
        self._decisions: dict[tuple[str, int], int] = {}
        self._behind: dict[str, int] = {}
        self._scores: dict[tuple[str, str], int] = {}
        self._missing: dict[tuple[str, str], int] = {}
        self.traced = Traced()
        self.schedules = ScheduleUse()
        self.inputs = dict.fromkeys(InputOutcome, 0)
        self.scores: dict[ScoreOutcome, dict[str, int]] = {outcome: {} for outcome in ScoreOutcome}
        self._open = 0
        registry.register(self)

    def effects(self, effects: Effects) -> None:
        """Count what left the engine."""
        ways = self._ways
        for box in effects.answered:
            verdict = box.verdict
            way = ways.get(verdict)
            if way is None:
                way = self._way(verdict)
            way.number += 1
            way.line.elapsed.add(box.elapsed_us)
            way.use.add(box.elapsed_us, box.head.sent_at_us)
        for box, _, missing in effects.decided:
            for model in missing:
                at = (box.head.route, self._models.label(model))
                self._missing[at] = self._missing.get(at, 0) + 1
        if self.traced.ids:
            self._remember(effects.answered)

    def settle(self, is_open: int) -> None:
        """Add up the scores of a batch under the names that may be labels; *is_open*: mailboxes, now."""
        self._open = is_open
        for outcome, by_model in self.scores.items():
            if by_model:
                for model, number in by_model.items():
                    at = (self._models.label(model), outcome.name.lower())
                    self._scores[at] = self._scores.get(at, 0) + number
                by_model.clear()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics as they are now."""
        self.traced.want()
        self._expect()
        self._tell()
        yield ANSWERS.of([*self._answers.copy().items()])
        yield self._seconds()
        yield self._shares()
        yield DECISIONS.of(((route, str(number)), count) for (route, number), count in self._newest())
        yield BEHIND.of(((route,), count) for route, count in self._behind.items())
        yield INPUTS.of(((outcome.name.lower(),), number) for outcome, number in self.inputs.items())
        yield SCORES.of([*self._scores.copy().items()])
        yield MISSING.of([*self._missing.copy().items()])
        yield OPEN.of([((), self._open)])

    def _expect(self) -> None:
        """Begin at 0 what the routes can bring: a rate shows nothing of a counter that begins at 1."""
        for name, entry in self._control.state.routes.items():
            self._answers.setdefault((name, _name_of(Source.SOURCE_DEFAULT), "0", "none"), 0)
            self._behind.setdefault(name, 0)
            for model in scoring_models(entry.current.route):
                label = self._models.label(model)
                self._missing.setdefault((name, label), 0)
                for outcome in (ScoreOutcome.IN_TIME, ScoreOutcome.LATE):
                    self._scores.setdefault((label, outcome.name.lower()), 0)

    def report(self, status: Status) -> None:
        """Write into *status* how routes have decided and what became of scores; any thread may call it."""
        self.schedules.describe(status)
        found: dict[str, ModelUse] = {}
        for (model, outcome), number in self._scores.copy().items():
            if outcome in _IN_USES:
                use = found.setdefault(model, ModelUse(model=model))
                setattr(use, outcome, getattr(use, outcome) + number)
        for (_, model), number in self._missing.copy().items():
            found.setdefault(model, ModelUse(model=model)).missing += number
        for model, number in self.schedules.chosen().items():
            found.setdefault(model, ModelUse(model=model)).chosen += number
        status.uses.extend(use for _, use in sorted(found.items()))

    def _way(self, verdict: Verdict) -> _Way:
        """Return the way of a *verdict* that is new."""
        if len(self._ways) >= _MOST_VERDICTS:
            self._ways = {key: way for key, way in self._ways.items() if way.number != way.told}
        revision = self._control.state.revision(verdict.route, verdict.revision)
        sla_us = revision.route.sla_us if revision else 0
        line = self._line(verdict.route or OTHER, _source(verdict), sla_us)
        way = self._ways[verdict] = _Way(line, self.schedules.of(verdict))
        return way

    def _line(self, route: str, source: str, sla_us: int) -> _Line:
        line = self._lines.get((route, source, sla_us))
        if line is None:
            slas = {each for name, _, each in self._lines if name == route} | {sla_us}
            line = _Line(sla_us, Histogram({*SECONDS_US, *_edges(sla_us), *slas} - {0}))
            for (name, _, _), other in self._lines.items():
                if name == route and sla_us:
                    other.elapsed.cut(sla_us)
            self._lines = {**self._lines, (route, source, sla_us): line}
        return line

    def _remember(self, answered: Sequence[Mailbox]) -> None:
        for box in answered:
            trace_id = self.traced.ids.pop(box.id, None)
            if trace_id:
                seen = Seen(trace_id, box.elapsed_us, box.head.sent_at_us + box.elapsed_us)
                self._ways[box.verdict].line.elapsed.remember(seen)

    def _tell(self) -> None:
        """Add what the ways have counted since this was last done to what is shown."""
        for verdict, way in [*self._ways.items()]:
            number, way.told = way.number - way.told, way.number
            route = verdict.route or OTHER
            labels = (route, _source(verdict), str(verdict.tier), self._model(verdict))
            self._answers[labels] = self._answers.get(labels, 0) + number
            if verdict.revision:
                at = (verdict.route, verdict.revision)
                self._decisions[at] = self._decisions.get(at, 0) + number
                entry = self._control.state.routes.get(verdict.route)
                if entry is not None:
                    behind = number if entry.current.number > verdict.revision else 0
                    self._behind[verdict.route] = self._behind.get(verdict.route, 0) + behind

    def _model(self, verdict: Verdict) -> str:
        if verdict.source != Source.SOURCE_MODEL:
            return "none"
        return self._models.label(verdict.model) if verdict.model else "several"

    def _newest(self) -> list[tuple[tuple[str, int], int]]:
        """Return the decisions under the newest revisions of each route, and forget the others."""
        left: Counter[str] = Counter()
        kept = {}
        for (route, number), count in sorted(self._decisions.items(), reverse=True):
            left[route] += 1
            if left[route] <= _REVISIONS:
                kept[route, number] = count
        self._decisions = kept
        return sorted(kept.items())

    def _seconds(self) -> Metric:
        """Return the times of answers; all lines of a route have an edge at each of its SLAs."""
        family = ANSWER_SECONDS.histogram()
        for (route, source), lines in self._by_source().items():
            slas = [sla_us for name, _, sla_us in self._lines if name == route and sla_us][-_SLAS:]
            edges = sorted({*SECONDS_US, *slas})
            parts = [Part(line.elapsed, edges) for line in lines]
            add_series(family, (route, source), [edge / MILLION for edge in edges], parts)
        return family

    def _shares(self) -> Metric:
        """Return the times of answers as shares of the SLA that they were under."""
        family = SLA_USED.histogram()
        for labels, lines in self._by_source().items():
            parts = [Part(line.elapsed, _edges(line.sla_us), line.sla_us) for line in lines if line.sla_us]
            if parts:
                add_series(family, labels, _SHARES, parts)
        return family

    def _by_source(self) -> dict[tuple[str, str], list[_Line]]:
        found: dict[tuple[str, str], list[_Line]] = {}
        for (route, source, _), line in self._lines.items():
            found.setdefault((route, source), []).append(line)
        return found


def _edges(sla_us: int) -> list[int]:
    return [round(share * sla_us) for share in _SHARES]


def _source(verdict: Verdict) -> str:
    return _name_of(verdict.source)


def _name_of(source: "Source.ValueType") -> str:
    return Source.Name(source).removeprefix("SOURCE_").lower()

"""What the last decisions say of each route and model: pure, from decisions to figures."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rendezvous_contracts.values import from_fields
from scoring.v1.answer_pb2 import Source
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import ScoreStatus
from scoring.v1.value_pb2 import Fields

# Of one model no more than so many latencies and deltas are kept for quantiles and means.
_MOST: Final = 5_000
_OK: Final = ScoreStatus.SCORE_STATUS_OK


@dataclass(slots=True)
class ModelFigures:
    """
    One model on one route: latencies from the request's arrival, in milliseconds, and its scores.

    *late*: of those that scored, at the deadline or after it. *deltas*: how far its numbers were from those
    of the canary on the same request.
    """

    scored: int = 0
    chosen: int = 0
    failed: int = 0
    late: int = 0
    missing: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    deltas: list[float] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How often it was to score."""
        return self.scored + self.failed + self.missing

    def quantile_ms(self, share: float) -> float | None:
        """Return the latency that *share* of its scores do not pass."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None

    @property
    def mean_delta(self) -> float | None:
        """The mean size of its differences from the canary; None: there is nothing to compare."""
        return sum(self.deltas) / len(self.deltas) if self.deltas else None


@dataclass(slots=True)
class RouteFigures:
    """One route: answers by tier (0: the default), how many came in time, and its models by name@version."""

    answers: int = 0
    in_time: int = 0
    tiers: Counter[int] = field(default_factory=Counter)
    revisions: Counter[int] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    models: dict[str, ModelFigures] = field(default_factory=dict)

    def model(self, name: str) -> ModelFigures:
        """Return the figures of a model, which may be new."""
        return self.models.setdefault(name, ModelFigures())

    def quantile_ms(self, share: float) -> float | None:
        """Return the time that *share* of the answers do not pass."""
        return ModelFigures(latencies_ms=self.latencies_ms).quantile_ms(share)


class _Seen(NamedTuple):
    at_us: int
    decision: Decision


class Decisions:
    """The decisions of the last *window_us* microseconds, at most *most* of them."""

    def __init__(self, window_us: int, most: int = _MOST) -> None:
        self._window_us = window_us
        self._seen: deque[_Seen] = deque(maxlen=most)

    def add(self, decision: Decision) -> None:
        """Take one more."""
        self._seen.append(_Seen(decision.answer.answered_at_us, decision))

    def figures(self, now_us: int, canaries: dict[str, str]) -> dict[str, RouteFigures]:
        """Return what they say, by route. *canaries*: the reference (name@version) of each route."""
        found: dict[str, RouteFigures] = {}
        for at_us, decision in self._seen:
            if at_us >= now_us - self._window_us:
                route = decision.answer.route
                count(found.setdefault(route, RouteFigures()), decision, canaries.get(route, ""))
        return found


def count(figures: RouteFigures, decision: Decision, canary: str) -> None:
    """Add *decision* to *figures*; *canary* is whom the models of its route are compared with."""
    answer = decision.answer
    figures.answers += 1
    figures.in_time += answer.answered_at_us <= answer.deadline_us
    figures.tiers[answer.tier if answer.source == Source.SOURCE_MODEL else 0] += 1
    figures.revisions[answer.revision] += 1
    figures.latencies_ms.append(max(0, answer.answered_at_us - answer.sent_at_us) / 1000)
    if answer.model:
        figures.model(answer.model).chosen += 1
    budget_us = answer.deadline_us - answer.sent_at_us
    for arrival in decision.arrivals:
        model = figures.model(arrival.model)
        if arrival.status != _OK:
            model.failed += 1
            continue
        model.scored += 1
        model.late += arrival.after_us >= budget_us
        model.latencies_ms.append(arrival.after_us / 1000)
    for name in decision.missing:
        figures.model(name).missing += 1
    _compare(figures, decision, canary)


def _compare(figures: RouteFigures, decision: Decision, canary: str) -> None:
    scores = {score.model: score.outputs for score in decision.scores if score.status == _OK}
    reference = scores.pop(canary, None)
    if reference is None:
        return
    for model, outputs in scores.items():
        figures.model(model).deltas += _deltas(outputs, reference)


def _deltas(outputs: Fields, reference: Fields) -> Sequence[float]:
    ours, theirs = _numbers(outputs), _numbers(reference)
    return [abs(ours[name] - theirs[name]) for name in ours if name in theirs]


def _numbers(fields: Fields) -> dict[str, float]:
    values = from_fields(fields)
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def sample(records: Sequence[bytes], most: int) -> Iterable[bytes]:
    """Return *records*, or where they are more than *most*, so many of them, evenly."""
    if len(records) <= most:
        return records
    return (records[place * len(records) // most] for place in range(most))

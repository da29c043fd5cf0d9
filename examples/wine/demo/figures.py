"""Latencies, late scores and canary deltas, from the records: pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rendezvous_contracts.values import from_fields
from scoring.v1.score_pb2 import Score, ScoreStatus

from examples.wine.demo.evidence import Evidence, Logged

_OK = ScoreStatus.SCORE_STATUS_OK


class Quantiles(NamedTuple):
    """Of *number* durations, in milliseconds."""

    number: int
    p50: float
    p99: float
    max: float


class Delta(NamedTuple):
    """How far a model's output lies from the canary's on the same request, over *number* requests."""

    number: int
    mean: float
    mean_abs: float


@dataclass(frozen=True)
class Figures:
    """
    What was measured.

    *latency*: from a request's stamp to its answer's. *http*: as callers saw it. *models*: from a request's
    stamp until the model's usable score was in. *statuses*: of scores, by model. *late_scores*: those that
    were not in when their request was answered. *deltas*: by model.
    """

    latency: Quantiles
    http: Quantiles
    models: Mapping[str, Quantiles]
    statuses: Mapping[str, Mapping[str, int]]
    late_scores: int
    deltas: Mapping[str, Delta]


def quantiles(durations_ms: Iterable[float]) -> Quantiles:
    """Return the quantiles of *durations_ms*, nearest rank; zeros when there are none."""
    ordered = sorted(durations_ms)
    if not ordered:
        return Quantiles(0, 0.0, 0.0, 0.0)
    last = len(ordered) - 1
    p50, p99, most = (round(ordered[round(last * share)], 3) for share in (0.5, 0.99, 1.0))
    return Quantiles(len(ordered), p50, p99, most)


def figures(evidence: Evidence, *, canary: str, output: str) -> Figures:
    """Return the figures of *evidence*; *output* is what models are compared with the *canary* by."""
    answers = [each.message for each in evidence.answers]
    return Figures(
        latency=quantiles((each.answered_at_us - each.sent_at_us) / 1000 for each in answers),
        http=quantiles(each.elapsed_ms for each in evidence.replies.values() if not each.error),
        models={model: quantiles(found) for model, found in sorted(_model_latencies(evidence).items())},
        statuses=_statuses(evidence.scores),
        late_scores=_late_scores(evidence),
        deltas=_deltas(evidence.scores, canary, output),
    )


def _model_latencies(evidence: Evidence) -> Mapping[str, list[float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for logged in evidence.decisions:
        for arrival in logged.message.arrivals:
            if arrival.status == _OK:
                found[arrival.model].append(arrival.after_us / 1000)
    return found


def _statuses(scores: Sequence[Logged[Score]]) -> Mapping[str, Mapping[str, int]]:
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for logged in scores:
        name = ScoreStatus.Name(logged.message.status).removeprefix("SCORE_STATUS_").lower()
        found[logged.message.model][name] += 1
    return {model: dict(found[model]) for model in sorted(found)}


def _late_scores(evidence: Evidence) -> int:
    """Count the scores, each model's first on each request, that the answer could not choose from."""
    in_time = {
        (logged.message.id, arrival.model)
        for logged in evidence.answers
        for arrival in logged.message.arrivals
    }
    scored = {(logged.message.request_id, logged.message.model) for logged in evidence.scores}
    return len(scored - in_time)


def _deltas(scores: Sequence[Logged[Score]], canary: str, output: str) -> Mapping[str, Delta]:
    said: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for logged in scores:
        value = from_fields(logged.message.outputs).get(output)
        if logged.message.status == _OK and isinstance(value, float):
            said[logged.message.model].setdefault(logged.message.request_id, value)
    baseline = said.pop(canary, {})
    return {model: _delta(said[model], baseline) for model in sorted(said)}


def _delta(model: Mapping[str, float], canary: Mapping[str, float]) -> Delta:
    apart = [value - canary[each] for each, value in model.items() if each in canary]
    if not apart:
        return Delta(0, 0.0, 0.0)
    count = len(apart)
    return Delta(count, round(sum(apart) / count, 6), round(sum(map(abs, apart)) / count, 6))

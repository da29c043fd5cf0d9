"""What the last decisions of a route tell: who answered, and how far models are from the canary. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.value_pb2 import Fields

from rendezvous_gateway.screen.seen import Made

_NO_MODEL = {
    Source.SOURCE_DEFAULT: "default",
    Source.SOURCE_REFUSED: "refused",
    Source.SOURCE_GATEWAY: "gateway's default",
}


class Difference(NamedTuple):
    """How far one output of a model was from the canary's, on the same requests."""

    output: str
    mean_absolute: float
    requests: int


def answered_by(answer: Answer) -> str:
    """Return who gave *answer*, for people."""
    if answer.source == Source.SOURCE_MODEL:
        return answer.model or "several models"
    return _NO_MODEL.get(answer.source, "unknown")


def answers_lately(made: Sequence[Made]) -> Counter[str]:
    """Return how many of the decisions *made* each source answered."""
    return Counter(answered_by(each.decision.answer) for each in made)


def differences(made: Sequence[Made], canary: str) -> dict[str, list[Difference]]:
    """
    Return by model the mean absolute difference of each numeric output from *canary*'s in *made*.

    Only requests that both have scored count; a decision made under another canary has none of its scores.
    """
    sums: dict[tuple[str, str], list[float]] = {}
    for each in made:
        scored = {score.model: score for score in each.decision.scores if _is_scored(score)}
        if canary not in scored:
            continue
        reference = _numbers(scored[canary].outputs)
        for model, score in scored.items():
            theirs = _numbers(score.outputs) if model != canary else {}
            for output in reference.keys() & theirs.keys():
                sums.setdefault((model, output), []).append(abs(theirs[output] - reference[output]))
    found: dict[str, list[Difference]] = {}
    for (model, output), deltas in sorted(sums.items()):
        found.setdefault(model, []).append(Difference(output, sum(deltas) / len(deltas), len(deltas)))
    return found


def _is_scored(score: Score) -> bool:
    return score.status == ScoreStatus.SCORE_STATUS_OK


def _numbers(fields: Fields) -> Mapping[str, float]:
    return {
        name: float(getattr(value, kind))
        for name, value in fields.values.items()
        if (kind := value.WhichOneof("kind")) in {"number", "integer"}
    }

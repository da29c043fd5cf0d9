"""One result of several models: what more than half of them say, or the middle of their numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from google.protobuf.message import DecodeError
from rendezvous_contracts.values import Plain, from_fields, to_fields
from scoring.v1.control_pb2 import Combination as Kind
from scoring.v1.value_pb2 import Fields

from rendezvous_engine.selectors import Question
from rendezvous_engine.verdicts import Choice, Verdict

# The outputs of one model, by the name of the field.
Outputs = Mapping[str, Plain]


@dataclass(frozen=True, slots=True)
class Combination:
    """
    A result of *models* (name@version, best first) as soon as *at_least* of them have usable scores.

    Its answer names no model: its rule names all, and the arrivals say who had come. *field*: what a majority
    is about. A score that cannot be read, or from which no result comes, is like one that failed.
    """

    kind: "Kind.ValueType"
    models: Sequence[str]
    at_least: int
    field: str
    verdict: Verdict

    def choose(self, box: Question) -> Choice | None:
        """Return the result, once enough have scored and there is one."""
        came = [box.usable[model] for model in self.models if model in box.usable]
        if len(came) < self.at_least:
            return None
        scores = [(raw, outputs) for raw in came if (outputs := _read(raw)) is not None]
        if len(scores) < self.at_least:
            return None
        if self.kind == Kind.COMBINATION_MAJORITY:
            chosen = _majority(scores, self.field)
        else:
            chosen = _middle([outputs for _, outputs in scores], _MIDDLES[self.kind])
        return None if chosen is None else (self.verdict, chosen, "")

    def hopeless(self, box: Question) -> bool:
        """Return whether too few are left to come, or all have come for nothing."""
        failed = sum(model in box.failed for model in self.models)
        came = sum(model in box.usable for model in self.models)
        return len(self.models) - failed < self.at_least or failed + came == len(self.models)


def _read(raw: bytes) -> Outputs | None:
    try:
        return from_fields(Fields.FromString(raw))
    except DecodeError:
        return None


def _majority(scores: Sequence[tuple[bytes, Outputs]], field: str) -> bytes | None:
    """Return the outputs of the first whose value of *field* more than half have."""
    votes: dict[object, int] = {}
    for _, outputs in scores:
        vote = _vote(outputs, field)
        votes[vote] = votes.get(vote, 0) + 1
    for raw, outputs in scores:
        vote = _vote(outputs, field)
        if vote is not None and votes[vote] * 2 > len(scores):
            return raw
    return None


def _vote(outputs: Outputs, field: str) -> object:
    """Return what is compared: a value with its kind, for 1 is not True; None without one."""
    value = outputs.get(field)
    if value is None:
        return None
    hashable = value if isinstance(value, float | int | bool | str | bytes) else value.SerializeToString()
    return type(value).__name__, hashable


def _middle(scores: Sequence[Outputs], middle: Callable[[Sequence[float]], float]) -> bytes | None:
    """Return the *middle* of each number that all have; None if there is none."""
    found = {}
    for name in scores[0]:
        numbers = [_number(outputs.get(name)) for outputs in scores]
        known = [number for number in numbers if number is not None]
        if len(known) == len(scores):
            result = middle(known)
            if math.isfinite(result):
                found[name] = result
    return to_fields(found).SerializeToString(deterministic=True) if found else None


def _number(value: Plain) -> float | None:
    if isinstance(value, bool) or not isinstance(value, float | int):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _mean(numbers: Sequence[float]) -> float:
    try:
        return fmean(numbers)
    except OverflowError:  # of the sum; the mean of finite numbers is always one
        return math.fsum(number / len(numbers) for number in numbers)


def _median(numbers: Sequence[float]) -> float:
    return float(median(numbers))


_MIDDLES: Final[Mapping[int, Callable[[Sequence[float]], float]]] = {
    Kind.COMBINATION_MEDIAN: _median,
    Kind.COMBINATION_MEAN: _mean,
}

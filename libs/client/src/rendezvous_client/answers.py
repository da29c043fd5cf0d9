"""Answers as programs get them, whichever way they asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from rendezvous_contracts.values import from_fields
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.score_pb2 import ScoreStatus

SOURCES: Final[Mapping[int, str]] = {
    Source.SOURCE_MODEL: "model",
    Source.SOURCE_DEFAULT: "default",
    Source.SOURCE_REFUSED: "refused",
    Source.SOURCE_GATEWAY: "gateway",
}
UNKNOWN: Final = "unknown"


class Arrived(NamedTuple):
    """A score that was in when the answer was decided; *after_ms* counts from the request."""

    model: str
    status: str
    after_ms: float


@dataclass(frozen=True, slots=True)
class Answered:
    """
    The one answer to a question, and where it comes from.

    *source*: model, default, refused (there is no such route) or gateway (its own timer). *model*, *tier* and
    *rule* are empty, or 0, with another source than a model; *reason* says why then. *late_ms*: how long
    after its deadline it was given; 0 is in time.
    """

    id: str
    route: str
    outputs: Mapping[str, object]
    source: str
    model: str
    revision: int
    tier: int
    rule: str
    extractor: str
    reason: str
    elapsed_ms: float
    late_ms: float
    partition: int
    arrivals: tuple[Arrived, ...]


def from_message(answer: Answer, partition: int) -> Answered:
    """Return *answer*, read from *partition* of `answers`."""
    return Answered(
        id=answer.id,
        route=answer.route,
        outputs=from_fields(answer.outputs),
        source=SOURCES.get(answer.source, UNKNOWN),
        model=answer.model,
        revision=answer.revision,
        tier=answer.tier,
        rule=answer.rule,
        extractor=answer.extractor,
        reason=answer.reason,
        elapsed_ms=_ms(answer.answered_at_us - answer.sent_at_us),
        late_ms=_ms(max(0, answer.answered_at_us - answer.deadline_us)),
        partition=partition,
        arrivals=tuple(
            Arrived(each.model, _status(each.status), _ms(each.after_us)) for each in answer.arrivals
        ),
    )


def from_document(document: Mapping[str, Any]) -> Answered:
    """Return the answer that the gateway gave as JSON; raises KeyError or TypeError for another document."""
    return Answered(
        id=document["id"],
        route=document["route"],
        outputs=document["outputs"],
        source=document["source"],
        model=document["model"] or "",
        revision=document["revision"],
        tier=document["tier"] or 0,
        rule=document["rule"] or "",
        extractor=document["extractor"] or "",
        reason=document["reason"] or "",
        elapsed_ms=document["elapsed_ms"],
        late_ms=document["late_ms"],
        partition=document["partition"],
        arrivals=tuple(Arrived(**arrival) for arrival in document["arrivals"]),
    )


def _status(number: int) -> str:
    if number not in ScoreStatus.values():
        return UNKNOWN
    name = next(name for name, value in ScoreStatus.items() if value == number)
    return name.removeprefix("SCORE_STATUS_").lower().replace("_", "-")


def _ms(microseconds: int) -> float:
    return round(microseconds / 1000, 3)

"""Decisions with two or three scores, for what reads them."""

from collections.abc import Mapping

from rendezvous_contracts.values import to_fields
from scoring.v1.answer_pb2 import Answer, Arrival
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import Score, ScoreStatus

OK = ScoreStatus.SCORE_STATUS_OK
BUDGET_US = 50_000


def score(
    model: str,
    outputs: Mapping[str, object] | float | None = 5.0,
    *,
    after_us: int = 5_000,
    status: "ScoreStatus.ValueType" = OK,
) -> tuple[Score, Arrival]:
    """What *model* said, *after_us* after the request's arrival; a number is its quality."""
    said = {"quality": outputs} if isinstance(outputs, float) else outputs or {}
    return (
        Score(model=model, status=status, outputs=to_fields(said)),
        Arrival(model=model, status=status, after_us=after_us),
    )


def decision(
    *scores: tuple[Score, Arrival],
    missing: tuple[str, ...] = (),
    route: str = "wine",
    revision: int = 1,
    at_us: int = 1_000_000,
) -> Decision:
    """The decision on a request that was sent and answered at *at_us*, with *scores*."""
    answer = Answer(
        id="r",
        route=route,
        revision=revision,
        sent_at_us=at_us,
        answered_at_us=at_us,
        deadline_us=at_us + BUDGET_US,
    )
    return Decision(
        answer=answer,
        scores=[said for said, _ in scores],
        arrivals=[arrival for _, arrival in scores],
        missing=missing,
    )

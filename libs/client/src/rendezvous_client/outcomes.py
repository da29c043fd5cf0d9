"""What programs learn later of an answer: the truth, or how good it was."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rendezvous_contracts.errors import ContractError
from rendezvous_contracts.names import check_name, check_request_id
from rendezvous_contracts.values import to_fields
from scoring.v1 import outcome_pb2

from rendezvous_client.errors import BadQuestionError


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became known of the request *request_id* on *route*.

    *reward*: how good its answer was; larger is better. *truth*: what was really so, by the names of the
    answer's outputs. One of them, or both. *author*: who says so.
    """

    request_id: str
    route: str
    reward: float | None = None
    truth: Mapping[str, object] = field(default_factory=dict)
    author: str = ""


def to_outcome(outcome: Outcome, now_us: int) -> outcome_pb2.Outcome:
    """Return *outcome* as a message, observed at *now_us*; raises BadQuestionError with what is wrong."""
    if outcome.reward is None and not outcome.truth:
        raise BadQuestionError("an outcome has a reward, a truth or both")
    if outcome.reward is not None and not math.isfinite(outcome.reward):
        raise BadQuestionError(f"reward {outcome.reward} is not a finite number")
    try:
        return outcome_pb2.Outcome(
            request_id=check_request_id(outcome.request_id),
            route=check_name(outcome.route, "route name"),
            observed_at_us=now_us,
            reward=outcome.reward,
            truth=to_fields(outcome.truth) if outcome.truth else None,
            author=outcome.author,
        )
    except ContractError as error:
        raise BadQuestionError(str(error)) from error

"""The truth or the reward that callers report: read, and put into the log."""

import math
from collections.abc import Mapping
from typing import Final

from rendezvous_contracts.errors import BadNameError, BadValueError
from rendezvous_contracts.names import check_request_id
from rendezvous_contracts.topics import OUTCOMES
from rendezvous_contracts.values import to_fields
from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import Send
from scoring.v1.outcome_pb2 import Outcome
from scoring.v1.value_pb2 import Fields

from rendezvous_gateway.documents import object_member, only_members, text_member
from rendezvous_gateway.problems import ProblemError
from rendezvous_gateway.values import RecordReader

_MEMBERS: Final = ("request_id", "reward", "truth", "author")
_ANYTHING: Final = RecordReader(())


def read_outcome(document: Mapping[str, object], route: str, now: Now) -> Outcome:
    """Return the outcome that *document* reports, observed *now*; raises ProblemError."""
    only_members(document, _MEMBERS, "an outcome")
    reward = _reward(document.get("reward"))
    truth = _truth(document)
    if reward is None and truth is None:
        raise ProblemError("bad-document", "an outcome has a reward, a truth or both", hint='{"reward": 1}')
    try:
        return Outcome(
            request_id=check_request_id(text_member(document, "request_id")),
            route=route,
            observed_at_us=now.wall,
            reward=reward,
            truth=truth,
            author=text_member(document, "author"),
        )
    except BadNameError as error:
        raise ProblemError("bad-id", str(error), field="request_id") from None
    except UnicodeEncodeError:
        raise ProblemError("bad-document", "a text holds half of a surrogate pair: send UTF-8") from None


def outcome_send(outcome: Outcome, partition: int) -> Send:
    """Return *outcome* as a record in the partition of its request."""
    return Send(OUTCOMES, partition, outcome.request_id.encode(), outcome.SerializeToString())


def _reward(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProblemError("bad-document", "reward has to be a number", field="reward")
    try:
        reward = float(value)
    except OverflowError:
        reward = math.inf
    if not math.isfinite(reward):
        raise ProblemError("bad-document", "reward has to be a finite number", field="reward")
    return reward


def _truth(document: Mapping[str, object]) -> Fields | None:
    if document.get("truth") is None:
        return None
    values = _ANYTHING.read(object_member(document, "truth"))
    try:
        return to_fields(values)
    except BadValueError as error:
        raise ProblemError("bad-field", str(error), field="truth") from None

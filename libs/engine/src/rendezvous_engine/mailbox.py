"""One question while it is being decided."""

from typing import Final

from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import ScoreHead, ScoreStatus

from rendezvous_engine.encoding import (
    AFTER_MAX,
    LENGTHS,
    SCORE_TAG,
    SHORT,
    Pieces,
    arrival_prefix,
    encode_length,
    pack_after,
)  # fmt: skip
from rendezvous_engine.outcomes import ScoreOutcome
from rendezvous_engine.policy import Policy, Verdict

_OK: Final = int(ScoreStatus.SCORE_STATUS_OK)
# Reading a member of an Enum takes longer than all the rest of a small function.
IN_TIME: Final = ScoreOutcome.IN_TIME
LATE: Final = ScoreOutcome.LATE
DUPLICATE: Final = ScoreOutcome.DUPLICATE
UNEXPECTED: Final = ScoreOutcome.UNEXPECTED
_NOBODY: Final[frozenset[str]] = frozenset()


class Mailbox:
    """
    The scores of one question, and how far its deciding has come.

    *start* (the request's arrival), *deadline* and *closes* are monotonic microseconds; *deadline_at* is a
    stamp, microseconds since the epoch. *usable* are the encoded outputs of the scores that can answer,
    *failed* the models whose scores cannot, *awaited* how many expected models have not scored.
    """

    __slots__ = (
        "answer", "arrivals", "awaited", "closes", "deadline", "deadline_at", "elapsed_us", "failed", "head",
        "id", "input_offset", "is_open", "policy", "problem", "scores", "scores_offset", "start", "usable",
        "verdict",
    )  # fmt: skip

    def __init__(self, request_id: bytes, head: InputHead, input_offset: int, scores_offset: int) -> None:
        self.id = request_id
        self.head = head
        self.problem = bool(head.problem)
        self.input_offset = input_offset
        self.scores_offset = scores_offset
        self.start = self.deadline = self.closes = self.deadline_at = self.elapsed_us = 0
        self.awaited = -1  # unknown before there is a policy
        self.policy: Policy | None = None
        self.answer: bytes | None = None
        self.verdict: Verdict | None = None
        self.is_open = True
        self.arrivals: Pieces = []
        self.scores: Pieces = []
        self.usable: dict[str, bytes] = {}
        self.failed = _NOBODY

    def decide_by(self, policy: Policy, now: int) -> None:
        """Take *policy*, whatever has come already."""
        self.policy = policy
        self.awaited = len(policy.expected)
        if self.usable or self.failed:
            self.awaited -= sum(self.has(model) for model in policy.expected)
        self.closes = (max(now, self.deadline)) + policy.late_us

    def put(self, head: ScoreHead, raw: bytes, now: int) -> ScoreOutcome:
        """Keep a score that came at *now*, if it is the first of its model."""
        model = head.model
        usable = self.usable
        if model in usable or model in self.failed:
            return DUPLICATE
        policy, outputs = self.policy, head.outputs
        outcome = IN_TIME if self.answer is None else LATE
        prefix = None
        if policy is not None:
            prefix = policy.expected.get(model)
            if prefix is None:
                outcome = UNEXPECTED
            else:
                self.awaited -= 1
        if head.status == _OK and outputs:
            usable[model] = outputs
            prefix = prefix or arrival_prefix(model)
        else:
            self.failed |= {model}
            prefix = arrival_prefix(model, head.status)
        after = now - self.start
        self.arrivals += (
            prefix,
            pack_after(after if 0 <= after < AFTER_MAX else AFTER_MAX if after > 0 else 0),
        )
        size = len(raw)
        self.scores += (SCORE_TAG, LENGTHS[size] if size < SHORT else encode_length(size), raw)
        return outcome

    def has(self, model: str) -> bool:
        """Return whether *model* has scored."""
        return model in self.usable or model in self.failed

    def is_complete(self) -> bool:
        """Return whether no score is to come any more: all have scored, or none was ever asked."""
        return self.awaited == 0 or self.problem

    def missing(self) -> list[str]:
        """Return the models that were expected and have not scored, by name."""
        if self.policy is None or self.is_complete():
            return []
        return sorted(model for model in self.policy.expected if not self.has(model))

    def close(self) -> None:
        """End it, and let go of what it held: a timer may still refer to it."""
        self.is_open = False
        self.arrivals, self.scores, self.usable = [], [], {}

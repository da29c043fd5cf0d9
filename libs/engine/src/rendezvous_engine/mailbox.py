"""One question while it is being decided."""

from typing import Final

from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_engine.encoding import Pieces, arrival_prefix, encode_after, score_pieces
from rendezvous_engine.policy import Policy, Verdict

_OK: Final = int(ScoreStatus.SCORE_STATUS_OK)
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
        "id", "input_offset", "is_open", "policy", "scores", "scores_offset", "start", "usable", "verdict",
    )  # fmt: skip

    def __init__(self, request_id: bytes, head: InputHead, input_offset: int, scores_offset: int) -> None:
        self.id = request_id
        self.head = head
        self.input_offset = input_offset
        self.scores_offset = scores_offset
        self.start = self.deadline = self.closes = self.deadline_at = self.awaited = self.elapsed_us = 0
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

    def put(self, model: str, status: int, outputs: bytes, raw: bytes, after_us: int) -> bool:
        """Keep the first score of *model*; return whether the policy, where it is known, names the model."""
        prefix = self.policy.expected.get(model) if self.policy is not None else None
        expected = prefix is not None
        if expected:
            self.awaited -= 1
        if status == _OK and outputs:
            self.usable[model] = outputs
        else:
            self.failed |= {model}
            prefix = None
        self.arrivals += (prefix or arrival_prefix(model, status), encode_after(after_us))
        self.scores += score_pieces(raw)
        return expected or self.policy is None

    def has(self, model: str) -> bool:
        """Return whether *model* has scored."""
        return model in self.usable or model in self.failed

    def is_complete(self) -> bool:
        """Return whether no score is to come any more: all have scored, or none was ever asked."""
        return (self.awaited == 0 and self.policy is not None) or bool(self.head.problem)

    def missing(self) -> list[str]:
        """Return the models that were expected and have not scored, by name."""
        if self.policy is None or self.is_complete():
            return []
        return sorted(model for model in self.policy.expected if not self.has(model))

    def close(self) -> None:
        """End it, and let go of what it held: a timer may still refer to it."""
        self.is_open = False
        self.arrivals, self.scores, self.usable = [], [], {}

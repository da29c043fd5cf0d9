"""One question while it is being decided."""

from typing import Final, NamedTuple

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
from rendezvous_engine.policy import Policy
from rendezvous_engine.verdicts import Pin, Verdict

_OK: Final = int(ScoreStatus.SCORE_STATUS_OK)
# Reading a member of an Enum takes longer than all the rest of a small function.
IN_TIME: Final = ScoreOutcome.IN_TIME
LATE: Final = ScoreOutcome.LATE
DUPLICATE: Final = ScoreOutcome.DUPLICATE
UNEXPECTED: Final = ScoreOutcome.UNEXPECTED
UNKNOWN: Final = ScoreOutcome.UNKNOWN
# Three for each score: so many scores of models that nobody named, and no more, reach a decision.
_MOST_PIECES: Final = 3 * 256
_NOBODY: Final[frozenset[str]] = frozenset()
_NO_SCORES: Final[dict[str, bytes]] = {}
_NO_PIECES: Final[Pieces] = []


class Place(NamedTuple):
    """Where an input stands: its own offset, and the first offset of `scores` that may concern it."""

    input_offset: int
    scores_offset: int


class Mailbox:
    """
    The scores of one question, and how far its deciding has come.

    *start* (the request's arrival), *deadline* and *closes* are monotonic microseconds; *deadline_at* is a
    stamp, microseconds since the epoch. *usable* are the encoded outputs of the scores that can answer,
    *failed* the models whose scores cannot, *awaited* how many expected models have not scored.
    """

    __slots__ = (
        "answer", "arrivals", "awaited", "closes", "deadline", "deadline_at", "elapsed_us", "failed", "head",
        "id", "input_offset", "is_open", "pin", "policy", "scores", "scores_offset", "start", "usable",
        "verdict",
    )  # fmt: skip

    # Set when it is answered.
    verdict: Verdict
    elapsed_us: int

    def __init__(
        self,
        request_id: bytes,
        head: InputHead,
        place: tuple[int, int],
        start: int,
        deadline: int,
        deadline_at: int,
    ) -> None:
        self.id = request_id
        self.head = head
        self.input_offset, self.scores_offset = place
        self.start = start
        self.deadline = deadline
        self.deadline_at = deadline_at
        self.closes = deadline
        self.awaited = -1  # unknown before there is a policy
        self.policy: Policy | None = None
        self.pin: Pin | None = None
        self.answer: bytes | None = None
        self.is_open = True
        self.arrivals: Pieces = []
        self.scores: Pieces = []
        self.usable: dict[str, bytes] = {}
        self.failed = _NOBODY

    def decide_by(self, policy: Policy, now: int) -> None:
        """Take *policy*, whatever has come already."""
        self.policy = policy
        self.awaited = policy.models
        model = self.head.model
        if model:
            self.pin = policy.pin(model, self.head.model_problem)
            self.awaited += self._expects_pinned()
        if self.scores:
            self.awaited -= sum(self.has(model) for model in self._expected())
        self.closes = (self.deadline if self.deadline > now else now) + policy.late_us

    def put(self, head: ScoreHead, raw: bytes, now: int) -> ScoreOutcome:
        """Keep a score that came at *now*, if it is the first of its model."""
        model = head.model
        usable = self.usable
        if model in usable or model in self.failed:
            return DUPLICATE
        policy, outputs = self.policy, head.outputs
        prefix = policy.expected.get(model) if policy is not None else None
        if prefix is not None:
            self.awaited -= 1
        elif len(self.scores) >= _MOST_PIECES:
            return UNKNOWN
        outcome = LATE if self.answer is not None else IN_TIME
        if policy is not None and prefix is None:
            if self.pin is not None and model == self.pin.model and self._expects_pinned():
                self.awaited -= 1
            else:
                outcome = UNEXPECTED
        if outputs and head.status == _OK:
            usable[model] = outputs
            prefix = prefix or arrival_prefix(model)
        else:
            self.failed |= {model}
            prefix = arrival_prefix(model, head.status)
        after = now - self.start
        if not 0 <= after <= AFTER_MAX:
            after = 0 if after < 0 else AFTER_MAX
        self.arrivals += (prefix, pack_after(after))
        size = len(raw)
        self.scores += (SCORE_TAG, LENGTHS[size] if size < SHORT else encode_length(size), raw)
        return outcome

    def has(self, model: str) -> bool:
        """Return whether *model* has scored."""
        return model in self.usable or model in self.failed

    def is_complete(self) -> bool:
        """Return whether no score is to come any more: all have scored, or none was ever asked."""
        return self.awaited == 0 or bool(self.head.problem)

    def missing(self) -> list[str]:
        """Return the models that were expected and have not scored, by name."""
        if self.policy is None or self.is_complete():
            return []
        return sorted(model for model in self._expected() if not self.has(model))

    def _expected(self) -> list[str]:
        """Return who scores: the models of the policy, and the one that its request pinned."""
        if self.policy is None:
            return []
        pinned = [self.pin.model] if self.pin is not None and self._expects_pinned() else []
        return [*self.policy.expected, *pinned]

    def _expects_pinned(self) -> bool:
        """Return whether the pinned model scores, and would not if it were not pinned."""
        pin, policy = self.pin, self.policy
        return pin is not None and policy is not None and not pin.problem and pin.model not in policy.expected

    def close(self) -> None:
        """End it, and let go of what it held: a timer may still refer to it."""
        self.is_open = False
        self.arrivals = self.scores = _NO_PIECES
        self.usable = _NO_SCORES

"""
The rendezvous of one partition: questions meet their scores, and each gets one answer in time.

Pure: no I/O, no clock. The same object runs in the service, under virtual time, and in replay. All that it
does is this table:

    an input comes      a mailbox opens; scores that were early are put into it; it is decided
    a score comes       it is put into its mailbox; if that is unanswered, it is decided
    a tier's time       the mailbox is decided
    the deadline        all tiers are tried, then it gets the default
    all have scored,
    or its time is up   the mailbox closes: its decision leaves

Calls return what became of the record; what has to leave gathers as Effects until take_effects.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from scoring.v1.answer_pb2 import AnswerHead
from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import ScoreHead

from rendezvous_engine.deciding import decide, decide_pinned, next_opening, with_problem, without_policy
from rendezvous_engine.encoding import encode_answer, encode_decision
from rendezvous_engine.mailbox import Mailbox, Place
from rendezvous_engine.memory import EarlyScore, EarlyScores, Remembered
from rendezvous_engine.outcomes import InputOutcome, ScoreOutcome
from rendezvous_engine.policy import Policies
from rendezvous_engine.timers import Timers
from rendezvous_engine.verdicts import Choice

OPENED: Final = InputOutcome.OPENED


class Moment(Protocol):
    """Now: monotonic microseconds, and microseconds since the epoch for stamps."""

    @property
    def mono(self) -> int: ...  # noqa: D102 - said above
    @property
    def wall(self) -> int: ...  # noqa: D102 - said above


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The bounds of one partition's memory.

    *early_hold_us*, *early_scores*: how long and how many scores wait for their input. *answers*: how many
    of the last answers are remembered for repeats. *mailboxes*: with how many open its driver should bring
    no more inputs.
    """

    early_hold_us: int = 5_000_000
    early_scores: int = 50_000
    answers: int = 20_000
    mailboxes: int = 50_000


@dataclass(slots=True)
class Effects:
    """
    What has to leave the engine, each kind in order.

    Mailboxes that got their answer; (request id, answer) to be given once more; mailboxes that closed, each
    with its encoded Decision and the models that never scored.
    """

    answered: list[Mailbox] = field(default_factory=list)
    repeated: list[tuple[bytes, bytes]] = field(default_factory=list)
    decided: list[tuple[Mailbox, bytes, list[str]]] = field(default_factory=list)


class Engine:
    """The mailboxes of one partition."""

    def __init__(self, policies: Policies, limits: Limits | None = None) -> None:
        self._policies = policies
        self._limits = limits or Limits()
        self._boxes: dict[bytes, Mailbox] = {}
        self._in_order: deque[Mailbox] = deque()
        self._timers = Timers()
        self._parked: list[Mailbox] = []
        self._answers: Remembered[bytes] = Remembered(self._limits.answers)
        self._recovered: set[bytes] = set()
        self._early = EarlyScores(self._limits.early_hold_us, self._limits.early_scores)
        self._effects = Effects()

    def take_effects(self) -> Effects | None:
        """Return what gathered since the last call, or None if nothing did."""
        effects = self._effects
        if not (effects.answered or effects.decided or effects.repeated):
            return None
        self._effects = Effects()
        return effects

    def recover(self, answers: Iterable[tuple[bytes, bytes]]) -> None:
        """Learn what was answered before a restart, from (request id, encoded Answer) in their order."""
        for request_id, answer in answers:
            if self._answers.get(request_id) is None:  # the first one is the effective one
                self._answers.put(request_id, answer)
                self._recovered.add(request_id)

    # Inputs

    def on_input(
        self, request_id: bytes, head: InputHead, place: tuple[int, int], now: Moment
    ) -> InputOutcome:
        """Take a question: open its mailbox, or recognise it."""
        known = self._boxes.get(request_id)
        if known is not None:
            return self._again(request_id, head, known.head, known.answer)
        answer = self._answers.get(request_id)
        if answer is None:
            self._begin(self._open(request_id, head, place, now), now)
            return OPENED
        first = AnswerHead.FromString(answer)
        if request_id in self._recovered and first.request_offset == head.request_offset:
            self._reopen(self._open(request_id, head, place, now), answer, now)
            return InputOutcome.REOPENED
        return self._again(request_id, head, first, answer)

    def _again(
        self, request_id: bytes, head: InputHead, first: InputHead | AnswerHead, answer: bytes | None
    ) -> InputOutcome:
        outcome = compare(head, first)
        if outcome is InputOutcome.REPEATED and answer is not None:  # else the answer to come is for both
            self._effects.repeated.append((request_id, answer))
        return outcome

    # What other builds answer: see following.py

    def knows(self, request_id: bytes) -> bool:
        """Return whether a request of this id is open here, or was answered."""
        return request_id in self._boxes or self._answers.get(request_id) is not None

    def recognise(self, request_id: bytes, head: InputHead) -> InputOutcome | None:
        """Return what an input is to what is known of its id, and do nothing about it; None: it is new."""
        known = self._boxes.get(request_id)
        if known is not None:
            return compare(head, known.head)
        answer = self._answers.get(request_id)
        if answer is None:
            return None
        self._recovered.discard(request_id)
        return compare(head, AnswerHead.FromString(answer))

    def remember(self, request_id: bytes, answer: bytes) -> None:
        """Learn the encoded Answer that another build has given, for repeats."""
        if not self.knows(request_id):
            self._answers.put(request_id, answer)

    def take_early(self, request_id: bytes) -> list[EarlyScore]:
        """Return and forget the scores that came before their input."""
        return self._early.take(request_id)

    def _open(self, request_id: bytes, head: InputHead, place: tuple[int, int], now: Moment) -> Mailbox:
        mono, wall = now.mono, now.wall
        # The budget counts down from the request's own stamp; a sender's fast clock wins it no more time.
        budget = head.budget_us
        remaining = head.sent_at_us + budget - wall
        if remaining > budget:
            remaining = budget
        deadline = mono + remaining
        box = Mailbox(request_id, head, place, deadline - budget, deadline, wall + remaining)
        policy = self._policies.find(head.route, head.revision)
        if policy is not None:
            box.decide_by(policy, mono)
        else:
            box.closes = max(deadline, mono) + budget
        self._boxes[request_id] = box
        self._in_order.append(box)
        return box

    def _begin(self, box: Mailbox, now: Moment) -> None:
        if box.id in self._early.by_id:
            self._put_early(box)
        if box.policy is None and box.head.revision:
            self._parked.append(box)
        if box.head.problem:
            self._answer_problem(box, now)
        else:
            self._decide(box, now)
        self._go_on(box, now)

    def _reopen(self, box: Mailbox, answer: bytes, now: Moment) -> None:
        self._recovered.discard(box.id)
        box.answer = answer
        self._put_early(box)
        self._go_on(box, now)

    def _put_early(self, box: Mailbox) -> None:
        for early in self._early.take(box.id):
            box.put(early.head, early.raw, early.arrived)

    # Scores

    def on_score(
        self, request_id: bytes, head: ScoreHead, raw: bytes, offset: int, now: Moment
    ) -> ScoreOutcome:
        """Take a score: *raw* is its record's value, *offset* its place in `scores`."""
        box = self._boxes.get(request_id)
        if box is None:
            return self._without_mailbox(request_id, head, raw, offset, now)
        mono = now.mono
        waiting = box.answer is None
        if waiting and mono >= box.deadline:
            self._decide(box, now)
            waiting = False
        outcome = box.put(head, raw, mono)
        if waiting:
            self._decide(box, now)
        if box.awaited == 0 and box.answer is not None:
            self._close(box, now)
        return outcome

    def _without_mailbox(
        self, request_id: bytes, head: ScoreHead, raw: bytes, offset: int, now: Moment
    ) -> ScoreOutcome:
        if self._answers.get(request_id) is not None and request_id not in self._recovered:
            return ScoreOutcome.AFTER_CLOSE
        self._early.hold(EarlyScore(request_id, head, raw, offset, now.mono))
        return ScoreOutcome.EARLY

    # Time

    def next_time(self) -> int | None:
        """Return when on_time has something to do next, in monotonic microseconds."""
        at, early = self._timers.next_time(), self._early.next_time()
        return early if at is None else at if early is None else min(at, early)

    def on_time(self, now: Moment) -> list[EarlyScore]:
        """Do what is due; return the early scores whose input did not come (ScoreOutcome.UNKNOWN)."""
        timers, mono = self._timers, now.mono
        while (box := timers.take(mono)) is not None:
            if box.answer is None:
                self._decide(box, now)
            self._go_on(box, now)
        return self._early.expire(mono)

    def on_policies(self, now: Moment) -> None:
        """Look again for the revisions that were unknown."""
        parked, self._parked = self._parked, []
        for box in parked:
            if not box.is_open or box.answer is not None:
                continue
            policy = self._policies.find(box.head.route, box.head.revision)
            if policy is None:
                self._parked.append(box)
                continue
            box.decide_by(policy, now.mono)
            if box.head.problem:
                self._answer_problem(box, now)
            else:
                self._decide(box, now)
            self._go_on(box, now)

    def _go_on(self, box: Mailbox, now: Moment) -> None:
        """Close *box* if it is done, or arm its one timer."""
        if box.answer is None:
            at = next_opening(box, box.policy, now.mono)
        elif now.mono >= box.closes or box.is_complete():
            self._close(box, now)
            return
        else:
            at = box.closes
        self._timers.arm(box, at)

    # Deciding

    def _decide(self, box: Mailbox, now: Moment) -> None:
        """Answer *box* if it is time to."""
        policy, mono = box.policy, now.mono
        if policy is not None:
            pin = box.pin
            choice = decide(box, policy, mono) if pin is None else decide_pinned(box, pin, policy, mono)
        elif mono >= box.deadline:
            choice = without_policy(box, self._policies.newest(box.head.route))
        else:
            return
        if choice is not None:
            self._answer(box, choice, now)

    def _answer_problem(self, box: Mailbox, now: Moment) -> None:
        """Answer a request that no model can score, as soon as it is known what its route's default is."""
        if box.policy is not None or not box.head.revision:
            self._answer(box, with_problem(box), now)

    def _answer(self, box: Mailbox, choice: Choice, now: Moment) -> None:
        verdict, outputs, reason = choice
        box.verdict = verdict
        box.elapsed_us = now.mono - box.start
        box.answer = encode_answer(
            box.id,
            box.head,
            verdict.encode(box.head, reason),
            outputs,
            box.deadline_at,
            now.wall,
            box.arrivals,
        )
        self._answers.put(box.id, box.answer)
        self._effects.answered.append(box)

    def _close(self, box: Mailbox, now: Moment) -> None:
        missing = box.missing() if box.awaited else []
        value = encode_decision(box.answer or b"", box.arrivals, box.scores, missing, now.wall)
        self._effects.decided.append((box, value, missing))
        del self._boxes[box.id]
        box.close()

    # What is kept

    def low_water(self) -> Place | None:
        """Return the lowest offsets still needed; an input_offset of -1: only scores are held."""
        while self._in_order and not self._in_order[0].is_open:
            self._in_order.popleft()
        early = self._early.oldest_offset()
        if not self._in_order:
            return None if early is None else Place(-1, early)
        oldest = self._in_order[0]
        scores = oldest.scores_offset if early is None else min(oldest.scores_offset, early)
        return Place(oldest.input_offset, scores)

    def unanswered(self) -> int:
        """Return how many questions have no answer yet."""
        return sum(box.answer is None for box in self._boxes.values())

    @property
    def open(self) -> int:
        """How many mailboxes are open."""
        return len(self._boxes)

    def oldest_early_offset(self) -> int | None:
        """Return the lowest place in `scores` of those that wait for their input, or None."""
        return self._early.oldest_offset()

    @property
    def early(self) -> int:
        """How many scores wait for their input."""
        return len(self._early)


def compare(head: InputHead, first: InputHead | AnswerHead) -> InputOutcome:
    """Return what an input is to the *first* of its id, or to the answer to that."""
    if head.digest != first.digest:
        return InputOutcome.CONFLICTING
    if head.request_offset == first.request_offset:
        return InputOutcome.SAME_RECORD
    return InputOutcome.REPEATED

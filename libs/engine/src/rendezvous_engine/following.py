"""
The requests of a partition that another build of the rendezvous answers.

Each input names the build that answers it, and every build reads all inputs; who a request's first input
names answers it, whatever later ones say. A build decides the requests of others as it would its own, in an
engine beside its own, and says nothing: its answers are withheld. What counts is what the other has written:
it is read back from the log and remembered in place of the withheld, so that a repeat gets the same bytes
from whichever build its input names. Pure, as the engine is.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from scoring.v1.answer_pb2 import AnswerHead
from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import ScoreHead

from rendezvous_engine.engine import Engine, Limits, Moment, compare
from rendezvous_engine.mailbox import Place
from rendezvous_engine.memory import EarlyScore
from rendezvous_engine.outcomes import InputOutcome, ScoreOutcome
from rendezvous_engine.policy import Policies

# How long the answer of another build is waited for: a process that died comes back and gives it.
_PATIENCE_US: Final = 60_000_000


@dataclass(slots=True)
class _Awaited:
    """A request whose answer another build has not written yet, as far as is known."""

    head: InputHead
    until: int
    repeated: bool = False


class Following:
    """What *own*, the engine of one partition, does not answer."""

    def __init__(self, own: Engine, policies: Policies, limits: Limits) -> None:
        self._own = own
        self._engine = Engine(policies, limits)
        self._awaited: dict[bytes, _Awaited] = {}
        self._in_order: deque[tuple[int, bytes]] = deque()
        self._repeated: list[tuple[bytes, bytes]] = []

    def on_foreign(
        self, request_id: bytes, head: InputHead, place: tuple[int, int], now: Moment
    ) -> InputOutcome:
        """Take an input that another build answers."""
        known = self._own.recognise(request_id, head)
        if known is not None:
            return known
        outcome = self._engine.on_input(request_id, head, place, now)
        if outcome is InputOutcome.OPENED:
            until = now.mono + head.budget_us + _PATIENCE_US
            self._awaited[request_id] = _Awaited(head, until)
            self._in_order.append((until, request_id))
            for early in self._own.take_early(request_id):
                self._engine.on_score(request_id, early.head, early.raw, early.offset, now)
        return outcome

    def on_own(self, request_id: bytes, head: InputHead, place: tuple[int, int], now: Moment) -> InputOutcome:
        """Take an input that this build answers, unless it is about a request of another's."""
        awaited = self._awaited.get(request_id)
        if awaited is None:
            return self._own.on_input(request_id, head, place, now)
        outcome = compare(head, awaited.head)
        if outcome is InputOutcome.REPEATED:
            awaited.repeated = True
        return outcome

    def on_score(
        self, request_id: bytes, head: ScoreHead, raw: bytes, offset: int, now: Moment
    ) -> ScoreOutcome:
        """Take a score, to whichever engine has its request."""
        engine = self._engine if self._engine.knows(request_id) else self._own
        return engine.on_score(request_id, head, raw, offset, now)

    def on_answers(self, answers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take in (request id, encoded Answer), as the log has them: the first one of a request stands."""
        for request_id, answer in answers:
            try:
                AnswerHead.FromString(answer)
            except DecodeError:
                continue  # bytes that are no answer answer nothing
            awaited = self._awaited.pop(request_id, None)
            self._own.remember(request_id, answer)
            if awaited is not None and awaited.repeated:
                self._repeated.append((request_id, answer))

    def on_time(self, now: Moment) -> list[EarlyScore]:
        """Do what is due, and give up the answers that were waited for too long; see Engine.on_time."""
        while self._in_order and self._in_order[0][0] <= now.mono:
            _, request_id = self._in_order.popleft()
            self._awaited.pop(request_id, None)
        return self._engine.on_time(now)

    def on_policies(self, now: Moment) -> None:
        """Look again for the revisions that were unknown."""
        self._engine.on_policies(now)

    def next_time(self) -> int | None:
        """Return when on_time has something to do next, in monotonic microseconds."""
        due = self._engine.next_time()
        if not self._in_order:
            return due
        return self._in_order[0][0] if due is None else min(due, self._in_order[0][0])

    def take_repeated(self) -> list[tuple[bytes, bytes]]:
        """Return the answers to give once more, and withhold all else that this build would have said."""
        self._engine.take_effects()
        repeated, self._repeated = self._repeated, []
        return repeated

    def low_water(self) -> Place | None:
        """Return the lowest offsets still needed; see Engine.low_water."""
        return self._engine.low_water()

    @property
    def open(self) -> int:
        """How many mailboxes are open."""
        return self._engine.open

    @property
    def idle(self) -> bool:
        """Whether nothing of another build's is open, or waited for."""
        return not self._awaited and not self._engine.open

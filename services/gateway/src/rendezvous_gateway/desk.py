"""
Where requests wait for their answers: pure, without I/O, clock or lock.

One owner (the event loop) calls it. A request that is admitted gets exactly one answer: the first that the
log brings, or the gateway's own default once its deadline and the tolerance have passed.
"""

import heapq
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from rendezvous_contracts.topics import REQUESTS
from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import Send
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.request_pb2 import Request

from rendezvous_gateway.admission import (
    Admitted,
    Answered,
    Arrived,
    Limits,
    Question,
    Refused,
    Tally,
    Waiter,
)
from rendezvous_gateway.memory import Memory, Reply
from rendezvous_gateway.ring import Ring

_RETRY_S: Final = 1
_SPARE: Final = 1_000  # entries of answered requests that the heap may hold


@dataclass(slots=True)
class _Pending:
    question: Question
    partition: int
    sent_at_us: int
    deadline_us: int
    waiters: list[Waiter] = field(default_factory=list)


def _nobody(_: Question, __: Answer) -> None:
    """Observe nothing."""


class Desk:
    """The pending requests of one gateway, by id; *observe* is told each answer that counts."""

    def __init__(self, limits: Limits, observe: Callable[[Question, Answer], None] = _nobody) -> None:
        self.tally = Tally()
        self._limits = limits
        self._observe = observe
        self._ring = Ring()
        self._pending: dict[str, _Pending] = {}
        self._due: list[tuple[int, int, _Pending]] = []
        self._order = count()  # of admission: decides between equal times
        self._memory = Memory(limits.remember_bytes)

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that answers come back on."""
        return self._ring.partitions

    @property
    def remembered(self) -> int:
        """How many answers are kept for repeated requests."""
        return len(self._memory)

    def own(self, partitions: Collection[int]) -> None:
        """Send to *partitions* from now on, and to no others."""
        self._ring = Ring(partitions)

    def partition(self, request_id: str) -> int | None:
        """Return the partition of *request_id*: where it went, or would go; None if there is none."""
        pending = self._pending.get(request_id)
        if pending is not None:
            return pending.partition
        reply = self._memory.reply(request_id)
        if reply is not None:
            return reply.partition
        return self._ring.partition(request_id) if self._ring else None

    def admit(
        self, question: Question, waiter: Waiter, now: Now, backlog: int = 0
    ) -> Admitted | Answered | Refused:
        """
        Take *question*, whose *waiter* will be called exactly once, or refuse it.

        *backlog* is the number of records that the log has not yet taken. A repeat waits with the first
        one, or gets its answer at once; then *waiter* is not called.
        """
        known = self._repeat(question, waiter)
        if known is not None:
            self.tally.repeated += not isinstance(known, Refused)
            self.tally.refused += isinstance(known, Refused)
            return known
        refusal = self._no_room(backlog)
        if refusal is not None:
            self.tally.refused += 1
            return refusal
        self.tally.admitted += 1
        return Admitted(self._take(question, waiter, now))

    def withdraw(self, request_id: str) -> None:
        """Forget *request_id*, whose send failed: its waiters are not called."""
        self._pending.pop(request_id, None)

    def arrive(self, batch: Iterable[Arrived]) -> None:
        """Complete what *batch* answers; the first answer of an id counts."""
        for arrived in batch:
            answer = arrived.reply.answer
            pending = self._pending.get(answer.id)
            if pending is None:
                self._count_stray(answer.id)
            elif answer.digest != pending.question.digest:
                self.tally.unknown += 1  # another asker used this id for another question
            else:
                self.tally.answered += 1
                self._complete(pending, arrived.reply, arrived.encoded)

    def expire(self, now: Now) -> None:
        """Answer with the route's default whatever is overdue by *now*."""
        while self._due and self._due[0][0] <= now.mono:
            _, _, pending = heapq.heappop(self._due)
            if self._waits(pending):
                answer = _default(pending, self._limits.tolerance_us, now)
                self.tally.defaulted += 1
                self._complete(pending, Reply(answer, pending.partition), answer.SerializeToString())

    def next_time(self) -> int | None:
        """Return when expire is wanted next, in monotonic microseconds; None: nothing waits."""
        while self._due and not self._waits(self._due[0][2]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _repeat(self, question: Question, waiter: Waiter) -> Admitted | Answered | Refused | None:
        pending = self._pending.get(question.id)
        digest = pending.question.digest if pending else self._memory.digest(question.id)
        if digest is None:
            return None
        if digest != question.digest:
            return Refused(
                "id-conflict",
                f"id {question.id!r} was used for another question: use a new id, or repeat the first body",
            )
        if pending is not None:
            pending.waiters.append(waiter)
            return Admitted(None)
        reply = self._memory.reply(question.id)
        return Answered(reply) if reply else None

    def _no_room(self, backlog: int) -> Refused | None:
        limits = self._limits
        if not self._ring:
            return Refused("not-ready", "no partition of `answers` is assigned to this gateway yet", _RETRY_S)
        if len(self._pending) >= limits.pending:
            return Refused("too-many-requests", f"{limits.pending} requests are in flight", _RETRY_S)
        if backlog >= limits.backlog:
            return Refused(
                "too-many-requests", f"the log is {backlog} records behind: is its broker there?", _RETRY_S
            )
        return None

    def _take(self, question: Question, waiter: Waiter, now: Now) -> Send:
        sla_us = question.revision.route.sla_us
        budget_us = min(question.budget_us or sla_us, sla_us)
        partition = self._ring.partition(question.id)
        pending = _Pending(question, partition, now.wall, now.wall + budget_us, [waiter])
        self._pending[question.id] = pending
        self._remind(now.mono + budget_us + self._limits.tolerance_us, pending)
        stamps = Request(id=question.id, sent_at_us=now.wall, budget_us=question.budget_us)
        # Protobuf messages join by concatenation, so the body is encoded once.
        value = question.body + stamps.SerializeToString()
        return Send(REQUESTS, partition, question.id.encode(), value, question.headers)

    def _remind(self, due: int, pending: _Pending) -> None:
        heapq.heappush(self._due, (due, next(self._order), pending))
        if len(self._due) > 2 * len(self._pending) + _SPARE:  # mostly answered ones: let go of them
            self._due = [entry for entry in self._due if self._waits(entry[2])]
            heapq.heapify(self._due)

    def _waits(self, pending: _Pending) -> bool:
        return self._pending.get(pending.question.id) is pending

    def _complete(self, pending: _Pending, reply: Reply, encoded: bytes) -> None:
        del self._pending[pending.question.id]
        self._observe(pending.question, reply.answer)
        self._memory.keep(reply, pending.question.digest, encoded)
        for waiter in pending.waiters:
            waiter(reply)

    def _count_stray(self, request_id: str) -> None:
        source = self._memory.source(request_id)
        if source is None:
            self.tally.unknown += 1
        elif source == Source.SOURCE_GATEWAY:
            self.tally.late += 1
        else:
            self.tally.duplicate += 1


def _default(pending: _Pending, tolerance_us: int, now: Now) -> Answer:
    """Return the default of the route that *pending* asks, as the gateway's own answer."""
    question = pending.question
    route = question.revision.route
    return Answer(
        id=question.id,
        route=route.name,
        revision=question.revision.number,
        source=Source.SOURCE_GATEWAY,
        rule="default, by the gateway",
        reason=f"no answer came back through the log within {tolerance_us / 1000:g} ms of the deadline",
        outputs=route.default,
        sent_at_us=pending.sent_at_us,
        deadline_us=pending.deadline_us,
        answered_at_us=now.wall,
        digest=question.digest,
    )

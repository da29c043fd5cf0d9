"""The data thread's part: passes answers and assignments over to the event loop, batch by batch."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from rendezvous_contracts.topics import ANSWERS
from rendezvous_runtime.clock import Now
from rendezvous_runtime.dead_letters import dead_letter
from rendezvous_runtime.stream import END, Record, Send, TopicPartition

from rendezvous_gateway.admission import Arrived
from rendezvous_gateway.wire import read_answer


class Inbox(Protocol):
    """Where the batches go; may be called from any thread."""

    def deliver(self, batch: Sequence[Arrived]) -> None:
        """Take answers."""
        ...

    def own(self, partitions: frozenset[int]) -> None:
        """Take note of the partitions that answers come back on."""
        ...


class AnswerFeed:
    """
    The handler on `answers`; it keeps no request, so that a blocked log cannot hold one up.

    While a rebalance has taken all partitions and not given any, the last ones stay in use: a request then
    gets at worst the gateway's default, in time, where refusing it would give nothing.
    """

    topics = (ANSWERS,)

    def __init__(self, inbox: Inbox, service: str) -> None:
        self._inbox = inbox
        self._service = service
        self._owned: frozenset[int] = frozenset()
        self._told: frozenset[int] = frozenset()
        self._read: set[int] = set()

    def waiting_for(self) -> str | None:
        """Return None once answers can come back, else what is waited for."""
        return None if self._owned else "no partition of `answers` is assigned to this gateway"

    def on_assign(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - the protocol's
        """Take over *partitions*; requests go there once reading is under way (on_time)."""
        self._owned |= frozenset(partitions)

    def start_offset(self, where: TopicPartition) -> int | None:
        """Return the end for a partition never held before: nobody here waits for older answers."""
        if where.partition in self._read:
            return None
        self._read.add(where.partition)
        return END

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:  # noqa: ARG002 - same
        """Pass on the answers in *records*; what is none becomes a dead letter."""
        arrived: list[Arrived] = []
        bad: list[Send] = []
        for record in records:
            answer = read_answer(record)
            if answer is None:
                bad.append(dead_letter(record, "not an Answer with an id", service=self._service))
            else:
                arrived.append(answer)
        if arrived:
            self._inbox.deliver(arrived)
        return bad

    def on_time(self, now: Now) -> Sequence[Send]:  # noqa: ARG002 - the event loop keeps the time
        """Tell which partitions requests can go to, after a change."""
        if self._owned and self._told != self._owned:
            self._told = self._owned
            self._inbox.own(self._owned)
        return ()

    def next_time(self) -> int | None:
        """Return a time that has come after a change of partitions; else only records wake it."""
        return 0 if self._owned and self._told != self._owned else None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Return nothing: what was passed on is not needed again."""
        return {}

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - the protocol's
        """Let go of *partitions*."""
        self._owned -= frozenset(partitions)

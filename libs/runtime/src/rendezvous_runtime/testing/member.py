"""One service process, as the system in memory drives it: a handler, its positions, what is in flight."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import (
    END,
    RECENT,
    Handler,
    Record,
    Send,
    SupportsDrain,
    SupportsRecovery,
    SupportsSeek,
    SupportsTail,
    TopicPartition,
)
from rendezvous_runtime.testing.log import MemoryLog, MemoryRecord

Offsets = Mapping[TopicPartition, int]
_TAIL_BEFORE = 50
# How long a record keeps its process busy, in microseconds; None: for ever, the process hangs.
Delay = Callable[[Record], int | None]


def no_delay(_: Record) -> int | None:
    """Take no time."""
    return 0


class Broker(Protocol):
    """What a member needs of the system."""

    log: MemoryLog

    def send(self, sends: Sequence[Send]) -> None:
        """Append *sends* to the log."""
        ...

    def store(self, group: str, offsets: Offsets) -> None:
        """Store *offsets* for *group*."""
        ...

    def stored(self, group: str, where: TopicPartition) -> int:
        """Return where *group* goes on reading *where*."""
        ...


@dataclass
class _Batch:
    """What the last call returned, until the time that it took is over."""

    done_at: int | None
    sends: Sequence[Send]
    offsets: Offsets


@dataclass
class Member:
    """
    One process of a consumer group.

    It sees a record *latency_us* after it was written, is busy with it for *delay_us*, and its offsets are
    stored *commit_us* after its sends are acknowledged; a kill in between loses them.
    """

    broker: Broker
    handler: Handler
    name: str
    group: str
    latency_us: int
    delay_us: Delay
    commit_us: int
    alive: bool = True
    draining: bool = False
    partitions: set[int] = field(default_factory=set)
    _positions: dict[TopicPartition, int] = field(default_factory=dict)
    _tails: dict[int, int] = field(default_factory=dict)
    _batch: _Batch | None = None
    _commits: deque[tuple[int, Offsets]] = field(default_factory=deque)

    def wake(self) -> int | None:
        """Return when there is something to do, in monotonic microseconds; None: once a record comes."""
        if not self.alive:
            return None
        if self._batch is not None:
            return self._batch.done_at
        times = [record.at.mono + self.latency_us for record in [*self._heads(), *self._unfollowed()]]
        due = self.handler.next_time() if self.partitions else None
        return min([*times, due] if due is not None else times, default=None)

    def step(self, now: Now, random: Random | None) -> bool:
        """Finish the batch in flight, or read and handle the next; return whether that did anything."""
        if self._batch is not None:
            self._finish(now)
            return True
        records = self._read(now, random)
        sends = [*(self.handler.on_records(records, now) if records else ()), *self.handler.on_time(now)]
        sends += self._follow(now)
        delays = [self.delay_us(record) for record in records]
        offsets = self._positions | dict(self.handler.checkpoint())
        done_at = None if None in delays else now.mono + sum(delay or 0 for delay in delays)
        self._batch = _Batch(done_at, sends, offsets)
        if done_at == now.mono:
            self._finish(now)
        return bool(records or sends)

    def assign(self, partitions: Collection[int], now: Now) -> None:
        """Take over *partitions* at the offsets that the group stored."""
        numbers = sorted(partitions)
        self.handler.on_assign(numbers, now)
        for where in [TopicPartition(topic, number) for topic in self.handler.topics for number in numbers]:
            self._positions[where] = self._start(where)
        if isinstance(self.handler, SupportsRecovery):
            self._recover(self.handler, numbers, now)
        self.partitions |= set(numbers)

    def revoke(self, partitions: Collection[int], now: Now) -> None:
        """Finish what is in flight, store its offsets and let go of *partitions*."""
        if self._batch is not None:
            self._finish(now)
        self.settle(None)
        self.handler.on_revoke(sorted(partitions), now)
        self._forget(partitions)

    def kill(self, now: Now, random: Random | None) -> None:
        """End at once; of the sends in flight, each partition's log got all up to some point, or none."""
        self.settle(now.mono)
        if self._batch is not None and random is not None:
            self.broker.send(_cut(self._batch.sends, random))
        self._batch = None
        self._commits.clear()
        self._forget(self.partitions)
        self.alive = False

    def settle(self, until: int | None) -> None:
        """Store the offsets that are due by *until*, in monotonic microseconds; None: all."""
        while self._commits and (until is None or self._commits[0][0] <= until):
            self.broker.store(self.group, self._commits.popleft()[1])

    def _start(self, where: TopicPartition) -> int:
        wanted = self.handler.start_offset(where) if isinstance(self.handler, SupportsSeek) else None
        if wanted is None or wanted == RECENT:
            return self.broker.stored(self.group, where)
        return len(self.broker.log.read(where)) if wanted == END else wanted

    def _recover(self, handler: SupportsRecovery, partitions: Sequence[int], now: Now) -> None:
        if not handler.recovery_topic:
            return
        for partition in partitions:
            if handler.recovery_window_us is None:
                last = self.broker.log.read(TopicPartition(handler.recovery_topic, partition))[-8:]
                handler.on_recovered(last, now)
                continue
            where = TopicPartition(self.handler.topics[0], partition)
            log, position = self.broker.log.read(where), self._positions[where]
            first = log[position].at if position < len(log) else now
            since = first.wall - handler.recovery_window_us
            written = self.broker.log.read(TopicPartition(handler.recovery_topic, partition))
            if records := [record for record in written if record.at.wall >= since]:
                handler.on_recovered(records, now)

    def _unfollowed(self) -> list[MemoryRecord]:
        """Return the next record of each partition whose tail the handler follows."""
        if not isinstance(self.handler, SupportsTail):
            return []
        wanted, topic = set(self.handler.tailed()), self.handler.tail_topic
        self._tails = {number: at for number, at in self._tails.items() if number in wanted}
        found = []
        for number in wanted:
            log = self.broker.log.read(TopicPartition(topic, number))
            # From some records before it was first wanted, as the plane begins some time before.
            position = self._tails.setdefault(number, max(0, len(log) - _TAIL_BEFORE))
            found += log[position : position + 1]
        return found

    def _follow(self, now: Now) -> Sequence[Send]:
        """Give the handler what others have written, one record of each partition at a time."""
        if not isinstance(self.handler, SupportsTail):
            return ()
        records = [each for each in self._unfollowed() if each.at.mono + self.latency_us <= now.mono]
        for record in records:
            self._tails[record.partition()] = record.offset() + 1
        return self.handler.on_tail(records, now) if records else ()

    def _finish(self, now: Now) -> None:
        if self._batch is None:
            return
        self.broker.send(self._batch.sends)
        self._commits.append((now.mono + self.commit_us, self._batch.offsets))
        self._batch = None
        self.settle(now.mono)

    def _heads(self) -> list[MemoryRecord]:
        """Return the next record of each partition that has one."""
        skipped = self._skipped()
        return [
            log[position]
            for where, position in self._positions.items()
            if position < len(log := self.broker.log.read(where)) and where.topic not in skipped
        ]

    def _skipped(self) -> Collection[str]:
        # Not isinstance with the protocol: this runs before every step, and that takes 2 microseconds.
        full: Collection[str] = getattr(self.handler, "saturated", tuple)()
        if self.draining and isinstance(self.handler, SupportsDrain):
            return {*full, *self.handler.intake}
        return full

    def _read(self, now: Now, random: Random | None) -> list[MemoryRecord]:
        """Read what is visible at *now*: all of it, or by chance some of it in some order."""
        visible_at = now.mono - self.latency_us
        runs: list[list[MemoryRecord]] = []
        for head in self._heads():
            log = self.broker.log.read(TopicPartition(head.topic(), head.partition()))
            end = next(
                (at for at in range(head.offset(), len(log)) if log[at].at.mono > visible_at), len(log)
            )
            if end > head.offset():
                runs.append(log[head.offset() : end])
        records = [record for run in runs for record in run] if random is None else _shuffle(runs, random)
        for record in records:
            self._positions[TopicPartition(record.topic(), record.partition())] = record.offset() + 1
        return records

    def _forget(self, partitions: Collection[int]) -> None:
        gone = set(partitions)
        self._positions = {at: offset for at, offset in self._positions.items() if at.partition not in gone}
        self.partitions -= gone


def _shuffle(runs: list[list[MemoryRecord]], random: Random) -> list[MemoryRecord]:
    """Draw at least one record: partitions in any order, each in its own."""
    ready = [run for run in runs if run]
    order: list[MemoryRecord] = []
    wanted = random.randint(1, sum(map(len, ready))) if ready else 0
    queues = [deque(run) for run in ready]
    while len(order) < wanted:
        queue = random.choice([each for each in queues if each])
        order.append(queue.popleft())
    return order


def _cut(sends: Sequence[Send], random: Random) -> list[Send]:
    """Keep of *sends*, for each partition, all before a random point."""
    by_partition: dict[tuple[str, int], list[Send]] = {}
    for send in sends:
        by_partition.setdefault((send.topic, send.partition), []).append(send)
    return [send for each in by_partition.values() for send in each[: random.randint(0, len(each))]]

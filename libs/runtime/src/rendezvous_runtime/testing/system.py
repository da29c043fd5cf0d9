"""Several services on one log in memory, under virtual time."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Final

from rendezvous_runtime.clock import Now
from rendezvous_runtime.errors import ServiceError
from rendezvous_runtime.stream import Handler, Headers, Send, SupportsDrain, TopicPartition
from rendezvous_runtime.testing.clock import VirtualClock
from rendezvous_runtime.testing.log import MemoryLog, MemoryRecord
from rendezvous_runtime.testing.member import Delay, Member, Offsets, no_delay

_STUCK: Final = 10_000


class StuckError(ServiceError):
    """A handler wants to be called again and again, and time does not pass."""


class System:
    """
    Drives handlers as the data plane would, jumping from one event to the next.

    With a *seed*, the order of what happens at the same moment is drawn: which process goes first, how much
    it reads, and how its partitions interleave (each keeps its own order). The same seed gives the same run.
    """

    def __init__(
        self, partitions: int = 4, *, clock: VirtualClock | None = None, seed: int | None = None
    ) -> None:
        self.partitions = partitions
        self.clock = clock or VirtualClock()
        self.log = MemoryLog()
        self.members: dict[str, Member] = {}
        self._random = None if seed is None else Random(seed)  # noqa: S311 - explores, protects nothing
        self._stored: defaultdict[str, dict[TopicPartition, int]] = defaultdict(dict)
        self._readers: defaultdict[str, list[Member]] = defaultdict(list)
        self._wakes: dict[str, int | None] = {}
        self._calls: list[tuple[int, int, Callable[[], object]]] = []
        self._ticket = count()

    def add(
        self,
        handler: Handler,
        *,
        name: str | None = None,
        group: str | None = None,
        latency_us: int = 300,
        delay_us: Delay = no_delay,
        commit_us: int = 0,
    ) -> Member:
        """Start a process that runs *handler*; processes of one *group* share the partitions."""
        name = name or f"member-{len(self.members)}"
        member = Member(self, handler, name, group or name, latency_us, delay_us, commit_us)
        if name in self.members:
            raise ServiceError(f"a member is called {name} already; give this one another name")
        self.members[name] = member
        for topic in handler.topics:
            self._readers[topic].append(member)
        self._rebalance(member.group)
        return member

    def publish(
        self, topic: str, partition: int, key: bytes | None, value: bytes, headers: Headers | None = None
    ) -> MemoryRecord:
        """Write one record now, as a client outside would."""
        return self._append(Send(topic, partition, key, value, headers))

    def send(self, sends: Sequence[Send]) -> None:
        """Write *sends* now."""
        for send in sends:
            self._append(send)

    def records(self, topic: str, partition: int | None = None) -> list[MemoryRecord]:
        """Return what has been written to *topic*, in order of time."""
        return self.log.records(topic, partition)

    def at(self, mono: int, call: Callable[[], object]) -> None:
        """Have *call* run at *mono*: a client that writes, a fault that strikes."""
        heapq.heappush(self._calls, (mono, next(self._ticket), call))

    def run_for(self, us: int) -> None:
        """Let *us* microseconds pass, with all that happens in them."""
        end = self.clock.now().mono + us
        self._refresh()
        idle = 0
        while (moment := self._next()) is not None and moment <= end:
            self.clock.advance_to(max(moment, self.clock.now().mono))
            idle = 0 if self._step() else idle + 1
            if idle > _STUCK:
                raise StuckError(f"{_STUCK} steps to no effect: does a next_time lie in the past for ever?")
        self.clock.advance_to(end)

    def kill(self, name: str) -> None:
        """Kill a process: all it held in memory is gone. Its partitions stay its own until *evict*."""
        self.members[name].kill(self.clock.now(), self._random)
        self._wakes[name] = None

    def restart(self, name: str, handler: Handler) -> Member:
        """Start a killed process again, with a new *handler*, from the offsets that its group stored."""
        member = self.members[name]
        member.handler = handler
        member.alive = True
        member.draining = False
        self._rebalance(member.group)
        return member

    def evict(self, name: str) -> None:
        """Have the group give a dead process's partitions to the others, as after its session timeout."""
        self._leave(self.members[name])

    def stop(self, name: str, grace_us: int = 10_000_000) -> None:
        """Stop a process gracefully: it drains for up to *grace_us*, lets go of its partitions and leaves."""
        member = self.members[name]
        member.draining = True
        end = self.clock.now().mono + grace_us
        while not _is_drained(member.handler, self.clock.now()) and self.clock.now().mono < end:
            self._refresh()
            moment = self._next()
            self.run_for(max(0, min(end if moment is None else moment, end) - self.clock.now().mono))
        member.revoke(member.partitions.copy(), self.clock.now())
        self._leave(member)

    def store(self, group: str, offsets: Offsets) -> None:
        """Store *offsets* for *group*."""
        self._stored[group].update(offsets)

    def stored(self, group: str, where: TopicPartition) -> int:
        """Return where *group* goes on reading *where*; 0 at first."""
        return self._stored[group].get(where, 0)

    def _append(self, send: Send) -> MemoryRecord:
        if not 0 <= send.partition < self.partitions:
            raise ServiceError(f"{send.topic}[{send.partition}]: there are {self.partitions} partitions")
        record = self.log.append(send, self.clock.now())
        for member in self._readers[send.topic]:
            self._wakes[member.name] = member.wake()
        return record

    def _refresh(self) -> None:
        for name, member in self.members.items():
            self._wakes[name] = member.wake()

    def _next(self) -> int | None:
        times = [wake for wake in self._wakes.values() if wake is not None]
        return min([*times, self._calls[0][0]] if self._calls else times, default=None)

    def _step(self) -> bool:
        now = self.clock.now()
        if self._calls and self._calls[0][0] <= now.mono:
            heapq.heappop(self._calls)[2]()
            self._refresh()
            return True
        due = [name for name, wake in self._wakes.items() if wake is not None and wake <= now.mono]
        name = due[0] if self._random is None else self._random.choice(due)
        effective = self.members[name].step(now, self._random)
        self._wakes[name] = self.members[name].wake()
        return effective

    def _leave(self, member: Member) -> None:
        member.alive = False
        del self.members[member.name]
        del self._wakes[member.name]
        for readers in self._readers.values():
            if member in readers:
                readers.remove(member)
        self._rebalance(member.group)

    def _rebalance(self, group: str) -> None:
        """Deal the partitions out by range: those that change hands are let go of first."""
        now = self.clock.now()
        members = [self.members[name] for name in sorted(self.members) if self.members[name].group == group]
        wanted = _ranges(self.partitions, len(members))
        living = [(member, share) for member, share in zip(members, wanted, strict=True) if member.alive]
        for member, share in living:
            if lost := member.partitions - share:
                member.revoke(lost, now)
        for member, share in living:
            if gained := share - member.partitions:
                member.assign(gained, now)
            self._wakes[member.name] = member.wake()


def _is_drained(handler: Handler, now: Now) -> bool:
    return not isinstance(handler, SupportsDrain) or handler.drained(now)


def _ranges(partitions: int, members: int) -> list[set[int]]:
    """Return which partitions each of *members* gets: neighbours, and the first ones one more."""
    if not members:
        return []
    size, extra = divmod(partitions, members)
    starts = [at * size + min(at, extra) for at in range(members + 1)]
    return [set(range(starts[at], starts[at + 1])) for at in range(members)]

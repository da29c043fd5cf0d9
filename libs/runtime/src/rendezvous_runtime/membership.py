"""Which partitions this process holds, where it reads them, and how far it has committed."""

from collections.abc import Collection
from contextlib import suppress
from typing import Final, Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from rendezvous_runtime.assignment import co_partitions, starts_of
from rendezvous_runtime.clock import Clock
from rendezvous_runtime.delivery import Offsets
from rendezvous_runtime.offsets import REQUEST_S, ask_offsets
from rendezvous_runtime.stream import Handler, TopicPartition

_LOG: Final = structlog.get_logger(__name__)
# The broker may be away, and then nothing more is to be said to it.
_LEAVE_US: Final = 1_000_000
_LEAVE_POLL_S: Final = 0.01


class Listener(Protocol):
    """Whoever does what an assignment needs done."""

    def before_assigned(self, starts: Offsets) -> None:
        """Prepare: the handler has its partitions, and reads them from *starts* next."""
        ...

    def before_revoked(self) -> None:
        """Make what is done as safe as it can be in a bounded time: another process goes on from there."""
        ...

    def after_revoked(self) -> None:
        """Forget what belonged to the partitions that are gone."""
        ...


class Membership:
    """The assignment of one consumer."""

    def __init__(
        self,
        consumer: Consumer,
        handler: Handler,
        clock: Clock,
        listener: Listener,
    ) -> None:
        self._consumer = consumer
        self._handler = handler
        self._clock = clock
        self._listener = listener
        self._held: list[KafkaPartition] = []
        self._paused: frozenset[str] = frozenset()
        self._committed: dict[TopicPartition, int] = {}
        self.partitions: frozenset[int] = frozenset()
        self.changes = 0
        # Whether the group has dealt out the partitions, be it none to this process.
        self.joined = False
        self._leaving = False

    def join(self) -> None:
        """Ask for partitions of the handler's topics."""
        self._consumer.subscribe(
            list(self._handler.topics),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def rejoin(self) -> None:
        """Give all up as lost, and ask again: what was ours may be another's."""
        self.drop()
        self._consumer.unsubscribe()
        self.join()

    def leave(self) -> None:
        """Hand over what is held and close the consumer; partitions that come meanwhile are not taken."""
        self._leaving = True
        with suppress(KafkaException):  # it is fenced off
            self._unsubscribe()
        self._consumer.close()

    def _unsubscribe(self) -> None:
        """
        Be out of the group, if its coordinator is there.

        Closed while partitions are on their way to it, the client asks a group that has ended, and for ever.
        """
        self._consumer.pause(self._held)  # what it still read would be passed over
        self._consumer.unsubscribe()
        until = self._clock.now().mono + _LEAVE_US
        while self._consumer.memberid() and self._clock.now().mono < until:
            self._consumer.poll(_LEAVE_POLL_S)

    def positions(self) -> dict[TopicPartition, int]:
        """Return the offset of the next record to be read, of each partition held."""
        return {
            TopicPartition(at.topic, at.partition): at.offset if at.offset >= 0 else start.offset
            for at, start in zip(self._consumer.position(self._held), self._held, strict=True)
        }

    def pause(self, topics: Collection[str]) -> None:
        """
        Read none of *topics* until called again without them.

        Each partition is paused and resumed once: the client throws away what it has read ahead.
        """
        wanted = frozenset(topics)
        if wanted == self._paused or not self._held:
            return
        self._consumer.resume(self._of(self._paused - wanted))
        self._consumer.pause(self._of(wanted - self._paused))
        self._paused = wanted

    @property
    def pausing(self) -> bool:
        """Whether anything is not read for now."""
        return bool(self._paused)

    def _of(self, topics: Collection[str]) -> list[KafkaPartition]:
        return [KafkaPartition(each.topic, each.partition) for each in self._held if each.topic in topics]

    def lag(self, positions: Offsets) -> dict[TopicPartition, int]:
        """Return how many records after *positions* the broker has told of."""
        ends = {
            where: self._consumer.get_watermark_offsets(KafkaPartition(*where), cached=True)
            for where in positions
        }
        return {where: max(0, ends[where][1] - offset) for where, offset in positions.items() if ends[where]}

    def commit(self, offsets: Offsets, *, wait: bool) -> None:
        """Commit those of *offsets* that are news. Raises KafkaException if *wait* and it was refused."""
        news = {where: offset for where, offset in offsets.items() if self._committed.get(where) != offset}
        if not news:
            return
        self._committed.update(news)
        self._consumer.commit(
            offsets=[KafkaPartition(*where, offset) for where, offset in news.items()], asynchronous=not wait
        )

    def confirm(self) -> bool:
        """Ask the coordinator, by committing once more what is committed, whether we are still a member."""
        offsets = [KafkaPartition(*where, offset) for where, offset in self._committed.items() if offset >= 0]
        if not offsets:
            return False
        try:
            result = self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            _LOG.warning("membership lost", why=error.args[0].str())
            return False
        return all(each.error is None for each in result)

    def drop(self) -> None:
        """Have the handler let go of all that is held, without a commit."""
        # The client remembers a pause beyond the assignment: a partition that came back would stay silent.
        self._consumer.resume(self._of(self._paused))
        self._paused = frozenset()
        if self.partitions:
            gone, self.partitions = self.partitions, frozenset()
            self._handler.on_revoke(sorted(gone), self._clock.now())
        self._held = []
        self._committed = {}
        self.joined = False
        self.changes += 1
        self._listener.after_revoked()

    def on_commit(self, error: KafkaError | None, partitions: list[KafkaPartition]) -> None:
        """Take in how a commit went: what was refused is committed again with the next."""
        if error is None and not any(each.error for each in partitions):
            return
        _LOG.warning("offsets not committed", why=str(error or [each.error for each in partitions]))
        for each in partitions:
            self._committed.pop(TopicPartition(each.topic, each.partition), None)

    def _on_assign(self, consumer: Consumer, assigned: list[KafkaPartition]) -> None:
        """In this order: the handler's state, where to read, what was written before, then records."""
        if self._leaving:
            return
        self.changes += 1
        numbers = co_partitions(assigned, self._handler.topics)
        if not numbers:
            self.joined = True
            return
        self._handler.on_assign(sorted(numbers), self._clock.now())
        self._committed = ask_offsets(lambda: consumer.committed(assigned, timeout=REQUEST_S))
        starts = starts_of(consumer, self._handler, self._committed, self._clock.now())
        self._held = [KafkaPartition(*where, offset) for where, offset in starts.items()]
        consumer.assign(self._held)
        self._listener.before_assigned(starts)
        self.partitions = numbers
        self.joined = True
        _LOG.info("partitions assigned", partitions=sorted(numbers))

    def _on_revoke(self, _: Consumer, revoked: list[KafkaPartition]) -> None:
        """Hand over: what is acknowledged is committed before another process can ask for it."""
        if not self._held:
            return
        self._listener.before_revoked()
        _LOG.info("partitions revoked", partitions=sorted({each.partition for each in revoked}))
        self.drop()

    def _on_lost(self, _: Consumer, lost: list[KafkaPartition]) -> None:
        """Commit nothing: another process may have gone on from what was committed before."""
        _LOG.warning("partitions lost", partitions=sorted({each.partition for each in lost}))
        self.drop()

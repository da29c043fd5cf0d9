"""Following, beside a handler's own topics, what processes of other groups write: see stream.SupportsTail."""

from collections.abc import Collection
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, Message
from confluent_kafka import TopicPartition as KafkaPartition

from rendezvous_runtime.clock import Clock
from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.kafka import MAX_BATCH, reader_config
from rendezvous_runtime.offsets import offsets_since
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import SupportsTail

_LOG: Final = structlog.get_logger(__name__)

# What may have been written before it was known that somebody else writes.
_BEFORE_US: Final = 10_000_000


class Tail:
    """The reader of the tail of one topic; it connects when there is something to follow. Of one thread."""

    def __init__(self, handler: SupportsTail, settings: ServiceSettings, clock: Clock) -> None:
        self.handler = handler
        self._settings = settings
        self._clock = clock
        self._consumer: Consumer | None = None
        self._followed: frozenset[int] = frozenset()

    def read(self) -> list[Message]:
        """Return what has come of the partitions that the handler wants to follow now; never waits."""
        wanted = self.handler.tailed()
        if self._consumer is None and not wanted:
            return []
        consumer = self._consumer = self._consumer or Consumer(reader_config(self._settings, "tail"))
        if self._followed != frozenset(wanted):
            self._follow(consumer, frozenset(wanted))
        return [message for message in consumer.consume(MAX_BATCH, 0) if self._is_record(message)]

    def close(self) -> None:
        """Let go of the broker."""
        if self._consumer is not None:
            self._consumer.close()

    def _follow(self, consumer: Consumer, wanted: frozenset[int]) -> None:
        topic = self.handler.tail_topic
        gone, new = self._followed - wanted, wanted - self._followed
        if gone:
            consumer.incremental_unassign([KafkaPartition(topic, number) for number in gone])
        if new:
            consumer.incremental_assign(self._starts(consumer, topic, new))
        _LOG.info("following what others write", topic=topic, partitions=sorted(wanted))
        self._followed = wanted

    def _starts(self, consumer: Consumer, topic: str, numbers: Collection[int]) -> list[KafkaPartition]:
        since_ms = max(0, (self._clock.now().wall - _BEFORE_US) // 1_000)
        found = offsets_since(consumer, [(topic, number) for number in numbers], since_ms)
        return [KafkaPartition(*where, offset) for where, offset in found.items()]

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return message.partition() in self._followed
        if error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise DataPlaneError(f"cannot follow {self.handler.tail_topic}: {error.str()}")
        _LOG.warning("what others write cannot be read for now", why=error.str())
        return False

"""Reading one topic from its beginning or its end, without a group."""

import time
from collections.abc import Iterator, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from rendezvous_client.closing import Closing
from rendezvous_client.errors import MissingTopicError, UnreachableError
from rendezvous_client.kafka import Kafka, is_away

_BATCH: Final = 10_000
_SLICE_S: Final = 0.1  # a wait is cut into these, so that an interrupt is served


# A partition that is new, or whose broker was stopped, has no leader for a moment.
_ELECTING: Final = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})


class TopicReader(Closing):
    """
    Reads all partitions of *topic*; close it.

    It begins where the topic begins, or *at_end*, where it ends now: all that is written from here on; with
    *back*, so many records before that in each partition. *since_ms*: with the first record of that time, in
    milliseconds since the epoch.
    """

    def __init__(
        self, kafka: Kafka, topic: str, *, at_end: bool = False, back: int = 0, since_ms: int | None = None
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._consumer = Consumer(kafka.consumer_config())
        try:
            self.partitions = self._count_partitions()
            bounds = {number: self._bounds(number) for number in range(self.partitions)}
            self._positions = {
                number: max(low, high - back) if at_end else low for number, (low, high) in bounds.items()
            }
            if since_ms is not None:
                self._positions |= self._at(since_ms, bounds)
        except BaseException:
            self.close()
            raise
        self._consumer.assign(
            [TopicPartition(topic, number, offset) for number, offset in self._positions.items()]
        )

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _count_partitions(self) -> int:
        try:
            metadata = self._consumer.list_topics(self._topic, timeout=self._kafka.timeout_s)
        except KafkaException as error:
            self._consumer.poll(0)  # hands out what the broker has said meanwhile
            raise self._kafka.explain(error, self._topic) from error
        topic = metadata.topics[self._topic]
        if topic.error is not None:
            raise self._kafka.explain(topic.error, self._topic)
        if not topic.partitions:
            raise MissingTopicError(f"topic {self._topic} has no partitions")
        return len(topic.partitions)

    def _bounds(self, number: int) -> tuple[int, int]:
        """Return the first offset of a partition and the one behind its last."""
        partition = TopicPartition(self._topic, number)
        deadline = time.monotonic() + self._kafka.timeout_s
        while True:
            try:
                low, high = self._consumer.get_watermark_offsets(partition, timeout=self._kafka.timeout_s)
            except KafkaException as error:
                if error.args[0].code() not in _ELECTING or time.monotonic() > deadline:
                    raise self._kafka.explain(error, self._topic) from error
                time.sleep(_SLICE_S)
            else:
                return low, high

    def _at(self, since_ms: int, bounds: Mapping[int, tuple[int, int]]) -> dict[int, int]:
        """Return where the first records from *since_ms* on stand, by partition."""
        asked = [TopicPartition(self._topic, number, since_ms) for number in bounds]
        try:
            found = self._consumer.offsets_for_times(asked, timeout=self._kafka.timeout_s)
        except KafkaException as error:
            raise self._kafka.explain(error, self._topic) from error
        # Below zero: nothing is as new as that.
        return {
            each.partition: each.offset if each.offset >= 0 else bounds[each.partition][1] for each in found
        }

    def read(self, timeout_s: float) -> list[Message]:
        """Return what is there, in the order of each partition; waits up to *timeout_s* for the first."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            first = self._consumer.poll(max(0.0, min(left, _SLICE_S)))
            if first is not None:
                messages = self._sorted_out([first, *self._consumer.consume(_BATCH, 0)])
                if messages:
                    return messages
            elif left <= 0:
                return []

    def _sorted_out(self, events: list[Message]) -> list[Message]:
        messages = []
        for event in events:
            error = event.error()
            if error is None:
                messages.append(event)
                self._positions[event.partition()] = event.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 the library's name for its own event
                self._positions[event.partition()] = event.offset()
            elif not is_away(error):
                raise self._kafka.explain(error, self._topic)
        return messages

    def catch_up(self) -> Iterator[Message]:
        """Yield all that was written before this call and is not read yet."""
        ends = {number: self._bounds(number)[1] for number in range(self.partitions)}
        heard = time.monotonic()
        while any(self._positions[number] < end for number, end in ends.items()):
            before = dict(self._positions)
            yield from self.read(_SLICE_S)
            if self._positions != before:
                heard = time.monotonic()
            elif time.monotonic() - heard > self._kafka.timeout_s:
                raise UnreachableError(f"topic {self._topic} at {self._kafka.bootstrap_servers} stays silent")

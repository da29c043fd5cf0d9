"""Reads `status` and the end of `decisions`: bounded work, whatever the rate of the stream."""

from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from rendezvous_contracts.topics import DECISIONS, STATUS
from rendezvous_runtime.kafka import connection_config, recovery_config
from rendezvous_runtime.settings import ServiceSettings

from rendezvous_gateway.screen.seen import Seen

_REQUEST_S: Final = 3.0
_ROUND_S: Final = 0.05
_MOST_POLLS: Final = 20
_BATCH: Final = 500
# Of one partition, at one look.
_LAST: Final = 25
# What was said before has been said again, or by nobody who lives.
_STATUS_PAST_MS: Final = 15_000


class Tail:
    """
    Follows `status`, and takes the newest few of `decisions` at each look; belongs to one thread.

    Raises KafkaException where the broker does not answer; then it can be asked again.
    """

    def __init__(self, settings: ServiceSettings, seen: Seen) -> None:
        small = {"queued.max.messages.kbytes": 1_024, "fetch.message.max.bytes": 65_536, "log_level": 0}
        config = {**recovery_config(settings, "status"), **small}
        self._seen = seen
        self._admin = AdminClient({**connection_config(settings), "log_level": 0})
        self._status = Consumer(config)
        self._decisions = Consumer(config)
        self._following = False
        self._read: dict[int, int] = {}

    def look(self, now_ms: int) -> None:
        """Take in what is new."""
        if not self._following:
            self._follow_status(now_ms)
        for record in self._status.consume(_BATCH, 0.0):
            if record.error() is None:
                self._seen.hear(record.key(), record.value(), record.timestamp()[1] * 1_000)
        self._look_at_decisions()

    def close(self) -> None:
        """Let go of the broker."""
        self._status.close()
        self._decisions.close()

    def _follow_status(self, now_ms: int) -> None:
        start = [TopicPartition(STATUS, 0, max(0, now_ms - _STATUS_PAST_MS))]
        self._status.assign(self._status.offsets_for_times(start, timeout=_REQUEST_S))
        self._following = True

    def _look_at_decisions(self) -> None:
        new = {
            partition: (max(self._read.get(partition, 0), end - _LAST, 0), end)
            for partition, end in self._ends().items()
            if end > self._read.get(partition, 0)
        }
        if not new:
            return
        self._decisions.assign([TopicPartition(DECISIONS, each, start) for each, (start, _) in new.items()])
        unread = set(new)
        for _ in range(_MOST_POLLS):
            for record in self._decisions.consume(_BATCH, _ROUND_S):
                end = new.get(record.partition(), (0, 0))[1]
                if self._take(record, end):
                    unread.discard(record.partition())
            if not unread:
                break
        self._decisions.unassign()
        self._read |= {partition: end for partition, (_, end) in new.items()}

    def _take(self, record: Message, end: int) -> bool:
        """Take in a decision before *end*; return whether its partition is read that far."""
        if record.error() is not None:  # the end of the partition, or an error that a later look gets over
            return True
        if record.offset() < end:
            self._seen.decide(record.partition(), record.offset(), record.value())
        return bool(record.offset() + 1 >= end)

    def _ends(self) -> dict[int, int]:
        topic = self._admin.list_topics(DECISIONS, timeout=_REQUEST_S).topics[DECISIONS]
        asked = {TopicPartition(DECISIONS, each): OffsetSpec.latest() for each in topic.partitions}
        found = self._admin.list_offsets(asked, request_timeout=_REQUEST_S) if asked else {}
        return {at.partition: future.result().offset for at, future in found.items()}

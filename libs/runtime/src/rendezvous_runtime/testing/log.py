"""A log in memory: topics with partitions and offsets."""

from collections import defaultdict
from typing import Final

from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import Headers, Send, TopicPartition

_CREATE_TIME: Final = 1
_NEVER: Final = Now(0, 0)


class MemoryRecord:
    """A record in memory, with confluent_kafka's methods; *at* is when it was appended."""

    __slots__ = ("_headers", "_key", "_offset", "_partition", "_topic", "_value", "at")

    def __init__(
        self,
        topic: str,
        value: bytes | None = b"",
        *,
        partition: int = 0,
        offset: int = 0,
        key: bytes | None = None,
        headers: Headers | None = None,
        at: Now = _NEVER,
    ) -> None:
        self._topic = topic
        self._value = value
        self._partition = partition
        self._offset = offset
        self._key = key
        self._headers = headers
        self.at = at

    def topic(self) -> str:
        """Return its topic."""
        return self._topic

    def partition(self) -> int:
        """Return its partition."""
        return self._partition

    def offset(self) -> int:
        """Return its offset."""
        return self._offset

    def key(self) -> bytes | None:
        """Return its key."""
        return self._key

    def value(self) -> bytes | None:
        """Return its value."""
        return self._value

    def headers(self) -> Headers | None:
        """Return its headers."""
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of stamp, and milliseconds since the epoch."""
        return _CREATE_TIME, self.at.wall // 1000

    def error(self) -> None:
        """Return None: reading memory does not fail."""

    def __repr__(self) -> str:
        return f"<{self._topic}[{self._partition}]@{self._offset} {self._key!r}: {self._value!r}>"


class MemoryLog:
    """The records of every topic; a topic is there once it is written."""

    def __init__(self) -> None:
        self._logs: defaultdict[TopicPartition, list[MemoryRecord]] = defaultdict(list)

    def append(self, send: Send, at: Now) -> MemoryRecord:
        """Append *send* and return it as it is now in the log."""
        log = self._logs[TopicPartition(send.topic, send.partition)]
        record = MemoryRecord(
            send.topic,
            send.value,
            partition=send.partition,
            offset=len(log),
            key=send.key,
            headers=send.headers,
            at=at,
        )
        log.append(record)
        return record

    def read(self, where: TopicPartition) -> list[MemoryRecord]:
        """Return one partition's records; the list is the log itself."""
        return self._logs[where]

    def records(self, topic: str, partition: int | None = None) -> list[MemoryRecord]:
        """Return what is in *topic*, or in one of its partitions, in the order in which it was written."""
        chosen = [
            record
            for where, log in self._logs.items()
            if where.topic == topic and partition in (None, where.partition)
            for record in log
        ]
        return sorted(chosen, key=lambda record: (record.at.mono, record.partition(), record.offset()))

"""A real broker for tests, and the shortest ways to write to it and read it whole."""

import itertools
import os
import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

_TIMEOUT_S: Final = 20.0
_numbers = itertools.count()


class Consumed(NamedTuple):
    """One record as read back."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    timestamp_ms: int


def unique(prefix: str) -> str:
    """Return a name, for a topic or a group, that no other test uses."""
    return f"{prefix}-{os.getpid()}-{next(_numbers)}"


def create_topic(
    bootstrap: str, name: str, partitions: int = 1, config: Mapping[str, str] | None = None
) -> str:
    """Create the topic *name* and return its name."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
    admin.create_topics([topic], operation_timeout=_TIMEOUT_S)[name].result(_TIMEOUT_S)
    return name


class Writer:
    """Appends to the topics of one broker; each one takes half a second to begin, so keep it to go on."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "linger.ms": 0, "enable.idempotence": True, "log_level": 0}
        )

    def write(
        self,
        topic: str,
        values: Iterable[bytes],
        *,
        partition: int = 0,
        key: bytes | None = None,
        headers: Mapping[str, bytes] | None = None,
    ) -> None:
        """Append *values* to one partition, in order; return once the broker has them all."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        for value in values:
            self._producer.produce(
                topic, value, key, partition, on_delivery=delivered, headers=list((headers or {}).items())
            )
            self._producer.poll(0)
        left = self._producer.flush(_TIMEOUT_S)
        assert left == 0, f"{topic}: the broker did not acknowledge in {_TIMEOUT_S:g} s"
        assert not failures, f"{topic}: {failures[0]}"


def produce(
    bootstrap: str,
    topic: str,
    values: Iterable[bytes],
    *,
    partition: int = 0,
    key: bytes | None = None,
    headers: Mapping[str, bytes] | None = None,
) -> None:
    """Append *values* to one partition, once, as Writer.write does."""
    Writer(bootstrap).write(topic, values, partition=partition, key=key, headers=headers)


def consume_all(bootstrap: str, topic: str) -> list[Consumed]:
    """Return everything the topic holds now, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "unused",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 1,
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    try:
        return sorted(_read(consumer, topic))
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str) -> list[Consumed]:
    partitions = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    unfinished = set(partitions)
    records: list[Consumed] = []
    deadline = time.monotonic() + _TIMEOUT_S
    while unfinished:
        assert time.monotonic() < deadline, f"{topic}: partitions {sorted(unfinished)} not read to their end"
        for message in consumer.consume(10_000, timeout=0.05):
            error = message.error()
            if error is None:
                records.append(_consumed(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard(message.partition())
            else:
                raise KafkaException(error)
    return records


def _consumed(message: Message) -> Consumed:
    return Consumed(
        partition=message.partition(),
        offset=message.offset(),
        key=message.key(),
        value=message.value(),
        headers=dict(message.headers() or []),
        timestamp_ms=message.timestamp()[1],
    )

"""Writing records, each of which is safe in the broker when the call returns."""

import time

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from rendezvous_client.closing import Closing
from rendezvous_client.errors import MissingTopicError, UnreachableError
from rendezvous_client.kafka import Kafka


class TopicWriter(Closing):
    """Writes to any topic, from any thread; close it."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._producer = Producer(kafka.producer_config())

    def close(self) -> None:
        """Let go of the broker; nothing is under way, for write waits."""
        self._producer.flush(0)

    def partitions(self, topic: str) -> int:
        """Return how many partitions *topic* has."""
        try:
            found = self._producer.list_topics(topic, timeout=self._kafka.timeout_s).topics[topic]
        except KafkaException as error:
            raise self._kafka.explain(error, topic) from error
        if found.error is not None:
            raise self._kafka.explain(found.error, topic)
        if not found.partitions:
            raise MissingTopicError(f"topic {topic} has no partitions")
        return len(found.partitions)

    def write(self, topic: str, value: bytes, key: str, partition: int) -> int:
        """Append a record and return its offset once it is safe; raises ClientError."""
        reports: list[KafkaError | int] = []

        def delivered(error: KafkaError | None, record: Message) -> None:
            reports.append(record.offset() or 0 if error is None else error)

        self._producer.produce(topic, value, key=key, partition=partition, on_delivery=delivered)
        deadline = time.monotonic() + self._kafka.timeout_s + 1
        while not reports and time.monotonic() < deadline:
            self._producer.poll(0.1)
        match reports:
            case [int() as offset]:
                return offset
            case [KafkaError() as error]:
                raise self._kafka.explain(error, topic)
            case _:
                raise UnreachableError(f"{self._kafka.bootstrap_servers} did not acknowledge in time")

"""Passes every message of one topic on to another with confluent-kafka, in batches."""

import sys

from confluent_kafka import Consumer, Producer

_BATCH = 2_000


def main(bootstrap_servers: str, group: str, source: str, target: str) -> None:
    """Run until it is ended from outside."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap_servers,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 1,
        "queued.min.messages": 100_000,
    })  # fmt: skip
    producer = Producer({
        "bootstrap.servers": bootstrap_servers,
        "linger.ms": 0,
        "enable.idempotence": True,
        "queue.buffering.max.messages": 500_000,
    })  # fmt: skip
    consumer.subscribe([source])
    while True:
        for message in consumer.consume(_BATCH, 0.005):
            while True:
                try:
                    producer.produce(target, message.value(), message.key(), message.partition())
                except BufferError:
                    producer.poll(0.01)
                else:
                    break
        producer.poll(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

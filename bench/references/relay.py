"""Passes every message of one topic on to another at once, with confluent-kafka: a hop at its least."""

import sys

from confluent_kafka import Consumer, Producer


def main(bootstrap_servers: str, group: str, source: str, target: str) -> None:
    """Run until it is ended from outside."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap_servers,
        "group.id": group,
        "auto.offset.reset": "latest",
        "fetch.queue.backoff.ms": 1,
        "socket.nagle.disable": True,
    })  # fmt: skip
    producer = Producer({
        "bootstrap.servers": bootstrap_servers,
        "linger.ms": 0,
        "enable.idempotence": True,
        "socket.nagle.disable": True,
    })  # fmt: skip
    consumer.subscribe([source])
    while True:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            producer.produce(target, message.value(), message.key(), message.partition())
        producer.poll(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Passes every message of one topic on to another with Bytewax, in one worker."""

import sys

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main


def _passed(message: KafkaSourceMessage) -> KafkaSinkMessage:
    return KafkaSinkMessage(message.key, message.value)


def main(bootstrap_servers: str, group: str, source: str, target: str) -> None:
    """Run until it is ended from outside; *group* is not used, for Bytewax keeps offsets itself."""
    del group
    brokers = [bootstrap_servers]
    flow = Dataflow("pass-through")
    read = op.input("read", flow, KafkaSource(brokers, [source], add_config={"fetch.queue.backoff.ms": "1"}))
    op.output("write", op.map("pass", read, _passed), KafkaSink(brokers, target))
    cluster_main(flow, [], 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
